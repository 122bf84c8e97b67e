# Running one command at a time: its output, its limits, its end.
use constant { GRACE => 5, QUIET => 0.1, COLLECT => 2, PROBE_EVERY => 1, BOMB => 1000 };

my %command;     # of the running command; empty between commands
my $test_ends;    # when the time of the whole test is over, if that is limited
my @drained;     # outputs that a background process still holds: read and thrown away, so that it is not killed by
                 # SIGPIPE and still shows as a leftover
my (%watch, $scratch);    # open cgroup event files by limit; directory handle of the tmpfs

sub begin_test_time {
    my ($seconds) = @_;
    $test_ends = now() + $seconds if $seconds > 0;
}

sub test_is_over { return defined $test_ends && now() >= $test_ends }

sub start_command {
    my ($id, $payload) = @_;
    my ($seconds, $output_bytes, $count, @words) = unpack_list($payload);
    my @argv = splice @words, 0, $count;
    return end_frame($id, SIGKILL, 'test time', 0) if test_is_over();
    pipe my $reader, my $writer or return failed($id, 'pipe');
    fcntl $reader, F_SETFL, O_NONBLOCK;    # the test can open this pipe, too, by /proc/self/fd, and be faster
    my $pid = fork;
    if (!defined $pid) {
        return end_frame($id, 254 << 8, 'processes', 0) if $!{EAGAIN};
        return failed($id, 'fork');
    }
    become_command($writer, \@argv, { map { split /=/, $_, 2 } @words }) if !$pid;
    close $writer;
    my $pidfd = syscall $PIDFD_OPEN, $pid, 0;
    my $exit;
    open $exit, '<&=', $pidfd if $pidfd >= 0;
    my $begun = now();
    %command = (
        id => $id, pid => $pid, output => $reader, exit => $exit, begun => $begun, left => $output_bytes,
        deadline => $begun + $seconds, counts => { map { $_ => event_count($_) } keys %watch }, probe => $begun + PROBE_EVERY,
    );
    mark('c', '', $argv[0], { living() });
}

# In the child: nothing of ours but a pipe as output, or a terminal.
sub become_command {
    my ($writer, $argv, $environment, $input) = @_;
    syscall $call{setsid};
    $input ? open(STDIN, '<&', $input) : open STDIN, '<', '/dev/null';
    open STDOUT, '>&', $writer;
    open STDERR, '>&', $writer;
    $SIG{PIPE} = 'DEFAULT';
    write_to('/proc/self/oom_score_adj', 0);    # our own is the lowest
    chdir '/';
    umask 022;
    %ENV = %$environment;
    no warnings 'exec';
    exec { $argv->[0] } @$argv;
    my $status = $! == 2 ? 127 : 126;
    syswrite STDOUT, "$argv->[0]: $!\n";
    exit $status;
}

sub event_count {
    my ($limit) = @_;
    my ($handle, $word) = @{ $watch{$limit} };
    sysseek $handle, 0, 0;
    my $count = sysread $handle, my $text, 4096;
    return $count && $text =~ /^$word ([0-9]+)/m ? $1 : 0;
}

sub events_since_begin {
    my ($limit) = @_;
    return $watch{$limit} ? event_count($limit) - $command{counts}{$limit} : 0;
}

# Whether the upper layer takes no more: tried on a file beside it, which no process of the test can see.
sub disk_full {
    return 0 if !$scratch;
    chdir $scratch;
    my $full = 0;
    if (sysopen my $handle, 'probe', O_WRONLY | O_CREAT, 0600) {
        my $written = syswrite $handle, "\0" x 65536;
        $full = !defined $written || $written < 65536;
        close $handle;
    }
    else { $full = 1 }
    unlink 'probe';
    chdir '/';
    return $full;
}

sub take_output {
    my $count = sysread $command{output}, my $text, 1 << 16;
    return if !defined $count && ($!{EINTR} || $!{EAGAIN});
    if (!$count) { close delete $command{output}; return }
    $command{heard} = now();
    my $kept = substr $text, 0, $command{left};
    $command{left} -= length $kept;
    send_frame('o', $command{id}, $kept) if $kept ne '';
    stop_command('output') if length $kept < $count;
}

# TERM to the whole family, KILL after a grace: apt runs dpkg in a session of its own, so a process group is no handle.
sub stop_command {
    my ($reason) = @_;
    return if defined $command{stopped};
    $command{stopped} = $reason;
    $command{family} = [descendants($command{pid})];
    kill 'TERM', @{ $command{family} };
    kill 'CONT', @{ $command{family} };    # one that was stopped would not notice
    $command{kill_at} = now() + GRACE;
    $command{give_up} = $command{kill_at} + GRACE;
}

# Whether a part of a stopped command's family still has its grace.
sub family_lives {
    my ($time) = @_;
    return 0 if !$command{family} || $time >= $command{give_up};
    my %alive = living();
    return scalar grep { $alive{$_} } @{ $command{family} };
}

sub watch_command {
    my $time = now();
    if (defined $command{kill_at} && $time >= $command{kill_at}) {
        kill SIGKILL, @{ $command{family} }, descendants($command{pid});
        $command{kill_at} = $time + 0.2;
    }
    stop_command('test time') if test_is_over();
    stop_command('time') if $time >= $command{deadline};
    stop_command('processes') if events_since_begin('processes') > BOMB;
    if ($time >= $command{probe}) {
        $command{full} ||= disk_full();
        $command{probe} = $time + PROBE_EVERY;
    }
    end_command($time) if defined $command{status};
}

# The command itself has ended: what it wrote is still in the pipe, and processes it left may hold that open for ever.
sub end_command {
    my ($time) = @_;
    $command{ended} //= $time;
    $command{heard} //= $time;
    return if family_lives($time);
    if ($command{output}) {
        my $last = $command{heard} > $command{ended} ? $command{heard} : $command{ended};
        return if $time < $last + QUIET && $time < $command{ended} + COLLECT && !defined $command{kill_at};
        push @drained, { handle => $command{output}, left => 1 << 26 };
    }
    my $reason = $command{stopped} // '';
    if ($command{status} && $reason eq '') {
        $reason = 'disk' if $command{full} || disk_full();
        $reason = 'processes' if events_since_begin('processes');
        $reason = 'memory' if events_since_begin('memory');
    }
    my ($id, $status, $seconds) = ($command{id}, $command{status}, $command{ended} - $command{begun});
    %command = ();
    end_script();
    mark('d', '', '', { living() });
    end_frame($id, $status, $reason, $seconds);
}

sub end_frame {
    my ($id, $status, $reason, $seconds) = @_;
    send_frame('e', $id, pack_list($status, $reason, $seconds));
}

sub drain {
    my ($source) = @_;
    my $count = sysread $source->{handle}, my $text, 1 << 16;
    return 1 if !defined $count && ($!{EINTR} || $!{EAGAIN});
    $source->{left} -= $count // 0;
    return $count && $source->{left} > 0;
}

# Orphans of the test become children of this process.
sub reap {
    while ((my $pid = waitpid -1, WNOHANG) > 0) {
        $command{status} = $? if %command && $pid == $command{pid};
    }
}

1;
