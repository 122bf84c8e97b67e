# The loop of the first process: frames from the tester, output of the command, connections; and reaping.
my %handle = (
    R => \&start_command,
    I => \&start_conversation,
    i => sub { type_text($_[1]) },
    z => \&set_size,
    P => sub { my ($id, $payload) = @_; begin_put($id, unpack_list($payload)) },
    D => sub { put_content($_[1]) },
    G => sub { my ($id, $payload) = @_; read_file($id, unpack_list($payload)) },
    X => \&remove_file,
    L => sub { my ($id, $payload) = @_; entries_of($id, unpack_list($payload)) },
    A => sub { my ($id, $payload) = @_; attributes_of($id, unpack_list($payload)) },
    M => \&tell_history,
    O => sub { my ($id, $payload) = @_; tell_places($id, unpack_list($payload)) },
    W => \&walk_tree,
    T => \&process_table,
    K => \&kill_all,
    N => sub { my ($id, $payload) = @_; listen_on_loopback($id, unpack_list($payload)) },
    U => \&stop_listening,
    d => \&to_client,
    c => \&close_client,
);

sub bits {
    my $vector = '';
    vec($vector, fileno $_, 1) = 1 for @_;
    return $vector;
}

sub ready {
    my ($vector, $handle) = @_;
    return defined $handle && defined fileno $handle && vec $vector, fileno $handle, 1;
}

sub serve {
    while (1) {
        while (my ($type, $id, $payload) = next_frame()) { $handle{$type}->($id, $payload) if $handle{$type} }
        my @readers = ($control_in, map { $_->{handle} } @drained);
        push @readers, $command{output} if $command{output};
        push @readers, $command{exit} if $command{exit} && !defined $command{status};
        push @readers, map { $_->{socket} } grep { !$_->{half} } values %client;
        push @readers, $programs if $programs;
        push @readers, $script{exit} if %script;
        push @readers, $listener if $listener && keys %client < CLIENTS_MAX;
        my $readable = bits(@readers);
        my $writable = bits(map { $_->{socket} } grep { $_->{waiting} ne '' } values %client);
        my $timeout = !%command ? 1 : defined $command{status} ? 0.02 : 0.25;
        next if select($readable, $writable, undef, $timeout) < 0;
        end_script() if ready($readable, $script{exit});
        take_program() if ready($readable, $programs);
        take_output() if ready($readable, $command{output});
        @drained = grep { !ready($readable, $_->{handle}) || drain($_) } @drained;
        serve_clients($readable, $writable);
        type_text('') if $command{terminal};
        receive() if ready($readable, $control_in);
        reap();
        watch_command() if %command;
    }
}

sub serve_clients {
    my ($readable, $writable) = @_;
    for my $number (keys %client) {
        my $socket = $client{$number}{socket};
        flush_client($number) if ready($writable, $socket);
        from_client($number) if $client{$number} && !$client{$number}{half} && ready($readable, $socket);
    }
    accept_client() if ready($readable, $listener);
}

# The tester is gone or has closed the pipe. The kernel kills all that is left in the namespace with its first process.
sub finish {
    kill SIGKILL, -1;
    exit 0;
}

1;
