# The way out: connections to a port on loopback are passed to the tester, which speaks HTTP on their other end.
use constant { CLIENTS_MAX => 64, REFUSED_MAX => 16, SOCKETS_MAX => 1 << 20 };
my ($listener, %client, $next_client);
my $for_apt;    # whether nobody but apt's own programs may connect
my @refused;    # sockets of those that were told so: closed a little later, because closing at once would take the words away
my $REFUSAL = "HTTP/1.1 403 No network for maintainer scripts\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

sub listen_on_loopback {
    my ($id, $whom) = @_;
    $for_apt = $whom eq 'apt';
    if (!$listener) {
        socket $listener, 2, 1, 0 or return failed($id, 'socket');    # AF_INET, SOCK_STREAM
        my $bound = bind($listener, pack 'S n a4 x8', 2, 0, "\x7f\0\0\1") && listen $listener, 64;
        if (!$bound) { failed($id, 'listen on loopback'); undef $listener; return }
        fcntl $listener, F_SETFL, O_NONBLOCK;
    }
    my (undef, $port) = unpack 'S n', getsockname $listener;
    send_frame('n', $id, pack_list($port));
}

sub stop_listening {
    my ($id) = @_;
    undef $listener;
    %client = ();
    @refused = ();
    done($id);
}

sub accept_client {
    my $address = accept my $socket, $listener or return;
    fcntl $socket, F_SETFL, O_NONBLOCK;
    return refuse_client($socket) if $for_apt && !comes_from_apt($address);
    my $number = ++$next_client;
    $client{$number} = { socket => $socket, waiting => '', written => 0 };
    send_frame('a', $number, '');
}

sub refuse_client {
    my ($socket) = @_;
    syswrite $socket, $REFUSAL;
    shutdown $socket, 1;    # SHUT_WR
    push @refused, $socket;
    shift @refused if @refused > REFUSED_MAX;
}

# Whether the other end is held by a program of apt's that the running command has started, and no dpkg on the way to it:
# maintainer scripts run while apt waits for them.
sub comes_from_apt {
    my ($address) = @_;
    return 0 if !%command;
    my ($theirs, $ours) = map { sprintf '[0-9A-F]+:%04X', (unpack 'S n', $_)[1] } $address, getsockname $listener;
    my ($inode) = slurp('/proc/self/net/tcp', SOCKETS_MAX) =~ /: $theirs $ours(?: +\S+){6} +([0-9]+) / or return 0;
    my %alive = living();
    my ($pid) = grep { is_of_apt($_) && holds_socket($_, $inode) } descendants($command{pid});
    while (defined $pid && $alive{$pid} && readlink("/proc/$pid/exe") !~ m{/dpkg(?: \(deleted\))?\z}) {
        return 1 if $pid == $command{pid};
        $pid = $alive{$pid}[0];
    }
    return 0;
}

# An emulator runs the programs of another architecture.
sub is_of_apt {
    my ($pid) = @_;
    my $program = readlink "/proc/$pid/exe" // '';
    $program = slurp("/proc/$pid/cmdline") if $program =~ m{/qemu-};
    return $program =~ m{(?:\A|\0)(?:/usr)?/lib/apt/(?:methods/|apt-helper)};
}

sub holds_socket {
    my ($pid, $inode) = @_;
    opendir my $numbers, "/proc/$pid/fd" or return 0;
    return scalar grep { (readlink("/proc/$pid/fd/$_") // '') eq "socket:[$inode]" } readdir $numbers;
}

sub from_client {
    my ($number) = @_;
    my $count = sysread $client{$number}{socket}, my $bytes, 1 << 16;
    return if !defined $count && ($!{EINTR} || $!{EAGAIN});
    if ($count) { send_frame('d', $number, $bytes); return }
    $client{$number}{half} = 1;    # it may still be reading
    send_frame('c', $number, '');
}

sub to_client {
    my ($number, $bytes) = @_;
    my $client = $client{$number} or return;
    $client->{waiting} .= $bytes;
    flush_client($number);
}

sub flush_client {
    my ($number) = @_;
    my $client = $client{$number};
    if ($client->{waiting} ne '') {
        my $count = syswrite $client->{socket}, $client->{waiting};
        return if !defined $count && ($!{EINTR} || $!{EAGAIN});
        return drop_client($number) if !defined $count;
        substr($client->{waiting}, 0, $count) = '';
        send_frame('w', $number, pack 'N', $count);
    }
    delete $client{$number} if $client->{waiting} eq '' && $client->{closing};
}

sub drop_client {
    my ($number) = @_;
    delete $client{$number};
    send_frame('c', $number, 'gone');
}

sub close_client {
    my ($number) = @_;
    my $client = $client{$number} or return;
    $client->{closing} = 1;
    flush_client($number);
}

1;
