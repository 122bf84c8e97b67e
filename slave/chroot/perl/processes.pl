# The processes of the test, read from /proc, which nobody in here can mount anything on.
use constant SLURP_MAX => 16384;

# The beginning of a file: a process may have megabytes of arguments.
sub slurp {
    my ($path, $most) = (@_, SLURP_MAX);
    open my $handle, '<', $path or return '';
    my $content = '';
    while (length $content < $most) { sysread($handle, $content, $most - length $content, length $content) or last }
    return $content;
}

# pid -> [ppid, state]; the name in a stat line may hold blanks and brackets, its last bracket ends it.
sub living {
    my %found;
    opendir my $proc, '/proc' or return;
    for my $pid (grep { /\A[0-9]+\z/ && $_ != 1 } readdir $proc) {
        my ($state, $parent) = slurp("/proc/$pid/stat") =~ /\A.*\) (\S) ([0-9]+)/s or next;
        $found{$pid} = [$parent, $state] if $state ne 'Z' && $state ne 'X';
    }
    return %found;
}

sub process_table {
    my ($id) = @_;
    reap();
    my %alive = living();
    my @rows;
    for my $pid (sort { $a <=> $b } keys %alive) {
        my ($uid) = slurp("/proc/$pid/status") =~ /^Uid:\t[0-9]+\t([0-9]+)/m or next;
        my $words = slurp("/proc/$pid/cmdline");
        $words =~ s/\0+\z//;
        $words =~ tr/\0/ /;
        my $name = slurp("/proc/$pid/comm");
        chomp $name;
        push @rows, $pid, $alive{$pid}[0], $uid, $words ne '' ? $words : "[$name]", readlink("/proc/$pid/exe") // '';
    }
    send_frame('T', $id, pack_list(@rows)) if @rows;
    done($id);
}

# A process and all that descend from it through parents that still live.
sub descendants {
    my ($top) = @_;
    my %alive = living();
    my %children;
    push @{ $children{ $alive{$_}[0] } }, $_ for keys %alive;
    my @family = ($top);
    for (my $next = 0; $next < @family; $next++) { push @family, @{ $children{ $family[$next] } // [] } }
    return @family;
}

# From the first process of a namespace, -1 means all others in it; a fork bomb loses, as kill takes the whole list
# under one lock.
sub kill_all {
    my ($id) = @_;
    my $deadline = now() + 30;
    while (now() < $deadline) {
        kill SIGKILL, -1;
        reap();
        my %alive = living();
        return done($id) if !%alive;
        select undef, undef, undef, 0.002;
    }
    $! = 16;    # EBUSY
    failed($id, 'processes that cannot be killed');
}

1;
