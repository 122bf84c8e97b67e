# The way out: connections to a port on loopback are passed to the tester, which speaks HTTP on their other end.
use constant CLIENTS_MAX => 64;
my ($listener, %client, $next_client);

sub listen_on_loopback {
    my ($id) = @_;
    if (!$listener) {
        socket $listener, 2, 1, 0 or return failed($id, 'socket');    # AF_INET, SOCK_STREAM
        my $bound = bind($listener, pack 'S n a4 x8', 2, 0, "\x7f\0\0\1") && listen $listener, 64;
        if (!$bound) { failed($id, 'listen on loopback'); undef $listener; return }
    }
    my (undef, $port) = unpack 'S n', getsockname $listener;
    send_frame('n', $id, pack_list($port));
}

sub stop_listening {
    my ($id) = @_;
    undef $listener;
    %client = ();
    done($id);
}

sub accept_client {
    accept my $socket, $listener or return;
    fcntl $socket, 4, O_NONBLOCK;    # F_SETFL
    my $number = ++$next_client;
    $client{$number} = { socket => $socket, waiting => '', written => 0 };
    send_frame('a', $number, '');
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
