# From root on the host to the first process of a test: namespaces, limits, mounts, and then almost no rights.
my %option = (cgroup => [], layer => [], bind => []);
for (@ARGV) {
    my ($name, $value) = split /=/, $_, 2;
    if ($name eq 'cgroup') { push @{ $option{cgroup} }, [split /:/, $value, 2] }
    elsif (ref $option{$name}) { push @{ $option{$name} }, $value }
    else { $option{$name} = $value }
}

sub write_to {
    my ($path, $text) = @_;
    sysopen my $handle, $path, O_WRONLY or return 0;
    my $written = syswrite $handle, $text;
    return defined $written;
}

# Directories of this test's control groups, and of those whose owner was killed; of version 2 below a folder of ours.
sub group_directory { my ($kind, $top) = @_; return $kind eq 'v2' ? "$top/piufarm/$option{name}" : "$top/piufarm-$option{name}" }

sub remove_groups {
    my ($only_ours) = @_;
    for (@{ $option{cgroup} }) {
        my ($kind, $top) = @$_;
        if ($only_ours) { rmdir group_directory($kind, $top); next }
        my $parent = $kind eq 'v2' ? "$top/piufarm" : $top;
        opendir my $directory, $parent or next;
        for my $name (grep { $kind eq 'v2' ? /\Atmp/ : /\Apiufarm-/ } readdir $directory) {
            my $changed = (stat "$parent/$name")[9];
            rmdir "$parent/$name" if defined $changed && $changed < time - 60;    # younger: perhaps about to be joined
        }
    }
}

# Joins one control group with the limits of these names; the event files stay open, as /sys is not visible later.
sub join_group {
    my ($kind, $top, %limits) = @_;
    my %file = $kind eq 'v2' ? (memory => 'memory.max', processes => 'pids.max')
        : (memory => 'memory.limit_in_bytes', processes => 'pids.max');
    my %events = (memory => [$kind eq 'v2' ? 'memory.events' : 'memory.oom_control', 'oom_kill'],
        processes => ['pids.events', 'max']);
    if ($kind eq 'v2') {
        mkdir "$top/piufarm";
        write_to("$_/cgroup.subtree_control", '+memory +pids') for $top, "$top/piufarm";
    }
    my $group = group_directory($kind, $top);
    mkdir $group or return 0;
    for my $limit (keys %limits) { write_to("$group/$file{$limit}", $limits{$limit}) or return 0 }
    if ($limits{memory}) {    # or a test could fill the host's swap; where none is counted there is no such file
        $kind eq 'v2' ? write_to("$group/memory.swap.max", 0)
            : write_to("$group/memory.memsw.limit_in_bytes", $limits{memory});
    }
    write_to("$group/cgroup.procs", 0) or return 0;
    for my $limit (keys %limits) {
        my ($name, $word) = @{ $events{$limit} };
        sysopen my $handle, "$group/$name", O_RDONLY or next;
        $watch{$limit} = [$handle, $word];
    }
    return 1;
}

# The strongest means that this host offers for each limit; what the tmpfs holds counts as memory of its writer.
sub set_limits {
    my %open;
    $open{memory} = $option{memory} + disk_size() if $option{memory};
    $open{processes} = $option{processes} if $option{processes};
    my @by;
    for (@{ $option{cgroup} }) {
        my ($kind, $top) = @$_;
        my @wanted = grep { exists $open{$_} } $kind eq 'v2' ? qw(memory processes) : $kind eq 'v1pids' ? 'processes' : 'memory';
        next if !@wanted || !join_group($kind, $top, map { $_ => $open{$_} } @wanted);
        delete @open{@wanted};
        push @by, map { "$_ by cgroup" } @wanted;
    }
    if ($open{memory}) {
        my $bytes = pack 'Q2', $open{memory}, $open{memory};
        must('limit memory', syscall($call{prlimit64}, 0, 2, $bytes, 0));    # RLIMIT_DATA
        push @by, 'memory by rlimit of each process';
    }
    return ($open{processes}, @by);
}

# kernel.pid_max belongs to the namespace since Linux 6.14; before, writing it would change the host's.
sub pid_max_is_ours {
    my ($major, $minor) = slurp('/proc/sys/kernel/osrelease') =~ /\A([0-9]+)\.([0-9]+)/;
    return $major > 6 || $major == 6 && $minor >= 14;
}

sub limit_pids {
    my ($processes) = @_;
    $processes = 302 if $processes < 302;    # the least that the kernel takes
    return 'processes by pid_max' if pid_max_is_ours() && write_to('proc/sys/kernel/pid_max', $processes);
    return 'processes by rlimit' if $option{uids};    # see limit_account
    die "no way to limit the number of processes: no cgroup with the pids controller can be made here, "
        . "and this kernel has no kernel.pid_max of its own for each PID namespace (Linux 6.14)\n";
}

# A user namespace keeps the limit that its maker had when it was made, whatever its root does. All processes of the
# account count, those outside included.
sub limit_account {
    return if !$option{processes} || pid_max_is_ours();
    my %alive = living();
    my $processes = $option{processes} + grep { ((stat "/proc/$_")[4] // -1) == $< } keys %alive;
    my $limit = pack 'Q2', $processes, $processes;
    must('limit processes', syscall($call{prlimit64}, 0, 6, $limit, 0));    # RLIMIT_NPROC
}

use constant { BYTES_PER_INODE => 8192, INODES_MAX => 1_000_000 };

# Bytes of the tmpfs: a copy of the base comes on top of what the test may write. 0: no limit.
sub disk_size { return $option{disk} ? $option{disk} + $option{room} : 0 }

# Files without content use memory of the kernel that the tmpfs does not count: charged to the control group, a flood of
# them would end with the first process being killed; and each costs the tester memory, too.
sub inodes {
    return '' if !$option{disk};
    my $inodes = int($option{disk} / BYTES_PER_INODE);
    return ',nr_inodes=' . (($inodes < INODES_MAX ? $inodes : INODES_MAX) + $option{objects});
}

my %shown;    # directories of the host to be bound: path -> handle

# A path that names the open directory needs no quoting as a mount option, and may lie below the tmpdir.
sub by_handle { return '/proc/self/fd/' . fileno $_[0] }

sub open_directory {
    my ($what, $path) = @_;
    sysopen my $handle, $path, O_RDONLY | O_DIRECTORY or die "$what $path: $!\n";
    return $handle;
}

# Redirections: without them dpkg cannot rename a directory of a lower layer. User namespaces have to do without.
sub mount_overlay {
    my ($own, @lower) = @_;
    my $layers = join ':', map { by_handle($_) } @lower;
    mkdir "$own$_" for qw(upper work);
    my ($mode, $uid, $gid) = (stat $lower[0])[2, 4, 5];
    chown $uid, $gid, "${own}upper";
    chmod $mode & 07777, "${own}upper";
    my $way = $option{uids} ? 'userxattr' : 'redirect_dir=on,metacopy=off';
    mount_at('overlay', 'root', 'overlay', MS_NODEV,
        "lowerdir=$layers,upperdir=${own}upper,workdir=${own}work,index=off,$way");
}

sub bind_as_root {
    my ($source) = @_;
    mount_at($source, 'root', '', MS_BIND, '');
    mount_at('', 'root', '', MS_BIND | MS_REMOUNT | MS_NODEV, '');
}

# By the host's cp, which is still in view: attributes, capabilities and hard links included.
sub copy_base {
    my ($base) = @_;
    my $child = fork // die "fork: $!\n";
    if (!$child) {
        open STDOUT, '>', '/dev/null';
        chdir $base or die "base: $!\n";
        exec { 'cp' } 'cp', '--archive', '--one-file-system', '--no-target-directory', '.', "$option{tmpdir}/root";
        die "cp: $!\n";
    }
    waitpid $child, 0;
    die "the base cannot be copied\n" if $?;
}

# Begins in the base, and leaves the current directory at the new root, not yet entered.
sub make_root {
    my @lower = (map({ open_directory('layer', $_) } @{ $option{layer} }), open_directory('base', '.'));
    my $store = defined $option{store} ? open_directory('store', $option{store}) : undef;
    %shown = map { $_ => open_directory('directory', $_) } @{ $option{bind} };
    mount_at('', '/', '', MS_REC | MS_PRIVATE, '');
    mount_at('tmpfs', $option{tmpdir}, 'tmpfs', 0, 'size=' . disk_size() . ',mode=755' . inodes());
    chdir $option{tmpdir} or die "$option{tmpdir}: $!\n";
    die "$option{tmpdir} cannot be mounted upon\n" if names_here();    # the current / shows what is below a mount
    mkdir 'root';
    $scratch = open_directory('tmpdir', '.') if $option{mode} ne 'direct';
    if ($option{mode} eq 'overlay') { mount_overlay($store ? by_handle($store) . '/' : '', @lower) }
    elsif ($option{mode} eq 'copy') {
        if (@lower > 1) {
            my $layers = join ':', map { by_handle($_) } @lower;
            mkdir 'merged';
            mount_at('overlay', 'merged', 'overlay', MS_RDONLY, "lowerdir=$layers,redirect_dir=follow");
            @lower = open_directory('layers', 'merged');
        }
        copy_base($lower[0]);
        bind_as_root('root');
    }
    else { bind_as_root(by_handle($lower[0])) }
    chdir 'root' or die "root: $!\n";
}

my @UNCHANGEABLE = qw(sys irq bus fs sysrq-trigger acpi asound scsi 1/oom_score_adj 1/oom_adj 1/task/1/oom_score_adj 1/task/1/oom_adj);
my @HIDDEN = qw(kcore keys timer_list latency_stats sched_debug);

sub make_proc {
    my ($processes) = @_;
    mkdir 'proc', 0555;
    mount_at('proc', 'proc', 'proc', MS_NOSUID | MS_NODEV | MS_NOEXEC, '');
    my @by = $processes ? limit_pids($processes) : ();
    bind_readonly("proc/$_", "proc/$_", MS_NOSUID | MS_NODEV | MS_NOEXEC) for grep { -e "proc/$_" } @UNCHANGEABLE;
    bind_readonly('/dev/null', "proc/$_", MS_NOSUID | MS_NOEXEC) for grep { -e "proc/$_" } @HIDDEN;
    return @by;
}

# Device nodes are the host's, read-only: a chmod in here must not change them there.
sub make_dev {
    mkdir 'dev', 0755;
    mount_at('tmpfs', 'dev', 'tmpfs', MS_NOSUID | MS_NODEV | MS_NOEXEC, 'size=64k,mode=755');
    for my $node (grep { -e "/dev/$_" } qw(null zero full random urandom tty)) {
        open my $target, '>', "dev/$node" or die "dev/$node: $!\n";
        bind_readonly("/dev/$node", "dev/$node", MS_NOSUID | MS_NOEXEC);
    }
    mkdir "dev/$_", 0755 for qw(pts shm);
    mount_at('devpts', 'dev/pts', 'devpts', MS_NOSUID | MS_NOEXEC, 'newinstance,gid=5,mode=620,ptmxmode=666');
    mount_at('tmpfs', 'dev/shm', 'tmpfs', MS_NOSUID | MS_NODEV, 'size=64m,mode=1777');
    symlink $_->[1], "dev/$_->[0]" for [ptmx => 'pts/ptmx'], [fd => '/proc/self/fd'], [stdin => '/proc/self/fd/0'],
        [stdout => '/proc/self/fd/1'], [stderr => '/proc/self/fd/2'];
}

# Shows directories of the host, resolved as the new root has it; those that are missing are made.
sub show_directories {
    for my $path (sort keys %shown) {
        make_parents("$path/");
        bind_readonly(by_handle($shown{$path}), $path, MS_NOSUID | MS_NODEV);
        close $shown{$path};
        $UNSEEN{$path} = 1;
    }
}

sub enter_root {
    must('pivot_root', syscall($call{pivot_root}, my $new = '.', my $old = '.'));
    show_directories();    # the host's mounts cannot be bound any more once they are detached
    must('detach the host', syscall($call{umount2}, my $here = '.', MNT_DETACH));
    chdir '/' or die "/: $!\n";
}

sub raise_loopback {
    socket my $socket, 2, 2, 0 or die "socket: $!\n";    # AF_INET, SOCK_DGRAM
    my $request = pack 'a16 s x22', 'lo', 1 | 0x40;      # IFF_UP, IFF_RUNNING
    ioctl $socket, 0x8914, $request or die "loopback: $!\n";    # SIOCSIFFLAGS
}

# What the usual container grants. This process alone keeps CAP_SYS_PTRACE, to see what each process executes; having
# one right more than they, and not being dumpable, it is closed to them: no ptrace, no /proc/1/fd, no /proc/1/mem.
my @KEPT = (0, 1, 3, 4, 5, 6, 7, 8, 10, 13, 18, 27, 29, 31);    # chown dac_override fowner fsetid kill setgid setuid
    # setpcap net_bind_service net_raw sys_chroot mknod audit_write setfcap
use constant CAP_SYS_PTRACE => 19;

sub drop_rights {
    my %kept = map { $_ => 1 } @KEPT;
    for my $capability (0 .. 63) {
        last if syscall($call{prctl}, PR_CAPBSET_READ, $capability, 0, 0, 0) < 0;
        must('drop a right', syscall($call{prctl}, PR_CAPBSET_DROP, $capability, 0, 0, 0)) if !$kept{$capability};
    }
    my $mask = 0;
    $mask |= 1 << $_ for @KEPT, CAP_SYS_PTRACE;
    my $header = pack 'L l', 0x20080522, 0;
    my $rights = pack 'L6', $mask, $mask, 0, 0, 0, 0;
    must('drop rights', syscall($call{capset}, $header, $rights));
    syscall $call{prctl}, PR_SET_DUMPABLE, 0, 0, 0, 0;
    die "this process could be traced\n" if syscall($call{prctl}, PR_GET_DUMPABLE, 0, 0, 0, 0) != 0;
}

# dpkg and apt close every number up to the soft limit before each of their children; programs that need more than the
# usual 1024 raise it themselves.
sub limit_files {
    my $files = "\0" x 16;
    syscall $call{prlimit64}, 0, 7, 0, $files;    # RLIMIT_NOFILE
    my ($soft, $hard) = unpack 'Q2', $files;
    return if $soft <= 1024;
    $files = pack 'Q2', 1024, $hard;
    syscall $call{prlimit64}, 0, 7, $files, 0;
}

sub first_process {
    syscall $call{prctl}, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0;
    my ($processes, @by) = set_limits();
    must('new namespaces', syscall($call{unshare}, CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS));
    syscall $call{unshare}, CLONE_NEWCGROUP;        # after the group was joined; a kernel without cgroups refuses
    write_to('/proc/self/oom_score_adj', -1000);    # memory that the test lacks is taken from its own processes
    my $no_core = pack 'Q2', 0, 0;
    syscall $call{prlimit64}, 0, 4, $no_core, 0;    # RLIMIT_CORE: a core pattern may start a helper on the host
    limit_files();
    syscall $call{keyctl}, 1, 0;                    # KEYCTL_JOIN_SESSION_KEYRING: the host's keys stay outside
    raise_loopback();
    make_root();
    push @by, make_proc($processes);
    make_dev();
    enter_root();
    open STDIN, '<', '/dev/null';
    open STDOUT, '>', '/dev/null';
    open STDERR, '>', '/dev/null';
    umask 022;
    # a disk does not number its files in order
    listen_for_programs($option{mode} eq 'copy' ? 'root' : 'upper') if $scratch && !defined $option{store};
    filter_calls();
    drop_rights();
    begin_test_time($option{seconds});
    send_frame('H', 0, pack_list($option{mode} eq 'overlay' ? fileno $scratch : '', @by));
}

sub start {
    open $control_in, '<&', \*STDIN or die "stdin: $!\n";
    open $control_out, '>&', \*STDOUT or die "stdout: $!\n";
    $SIG{PIPE} = 'IGNORE';
    $0 = "piufarm chroot $option{name}";
    die "no table of system calls for $Config{archname}\n" if !%call;
    remove_groups(0);
    chdir $option{base} or die "base $option{base}: $!\n";    # by the account: what lies above may be closed to its range
    if ($option{uids}) {
        limit_account();
        enter_own_range($option{uids}, $option{gids});
    }
    must('new PID namespace', syscall($call{unshare}, CLONE_NEWPID));
    my $child = fork // die "fork: $!\n";
    if (!$child) {
        eval { first_process(); serve(); 1 } or send_frame('E', 0, $@);
        exit 1;
    }
    send_frame('h', 0, pack_list($child));
    close $_ for $control_in, $control_out, *STDIN, *STDOUT;
    waitpid $child, 0;
    remove_groups(1);
}

@INC = ();    # what is not loaded by now never will be: later it would be a module of the test's
eval { start(); 1 } or send_frame('E', 0, $@);
