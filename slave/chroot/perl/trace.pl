# Which package's maintainer script ran when: the kernel tells this process of every program that a command starts, and
# keeps it waiting for the answer (seccomp_unotify(2)), so that the moment is exact. At each mark the next inode number
# of the tmpfs is noted: they grow with every object that is made, so the files of the upper layer can be put in order.
use constant { SECCOMP_SET_MODE_FILTER => 1, NEW_LISTENER => 8, WAIT_KILLABLE => 32, NOTIFY => 0x7fc00000 };
use constant { RECEIVE => 0xc0502100, ANSWER => 0xc0182101, MESSAGE_SIZE => 80, GO_ON => 1 };    # linux/seccomp.h
use constant NAME_MAX => 256;

# Of each architecture (asm/unistd.h): seccomp, and by the marks of linux/audit.h execve and execveat; a processor may
# run programs of a second one.
my %PROGRAMS = (
    'x86_64'    => [317, [0xc000003e, 59, 322], [0x40000003, 11, 358]],
    'i.86'      => [354, [0x40000003, 11, 358], [0xc000003e, 59, 322]],
    'aarch64'   => [277, [0xc00000b7, 221, 281], [0x40000028, 11, 387]],
    'arm'       => [383, [0x40000028, 11, 387], [0xc00000b7, 221, 281]],
    'riscv64'   => [277, [0xc00000f3, 221, 281]],
    'powerpc64' => [358, [0xc0000015, 11, 362]],
);
my %IS_EXECVEAT = map { $_->[2] => 1 } map { @$_[1 .. $#$_] } values %PROGRAMS;
my ($programs, %script, @marks, $tree);    # the kernel's messages; the script that runs; what has been noted; the
    # directory on the tmpfs that holds what was written
use constant MARKS_MAX => 10_000;

# Holds for all that is started from here on. Without it (an older kernel, a container manager that listens itself)
# nobody knows who made what, and everything else is as usual.
sub listen_for_programs {
    ($tree) = @_;
    my ($seccomp, @architectures) = @{ $PROGRAMS{$machine} // return };
    my $filter = instruction(LOAD, 0, 0, ARCHITECTURE_AT);
    for (@architectures) {
        my ($mark, $execve, $execveat) = @$_;
        my $body = join '', instruction(LOAD, 0, 0, NUMBER_AT), instruction(IF_EQUAL, 1, 0, $execve),
            instruction(IF_EQUAL, 0, 1, $execveat), answer(NOTIFY), answer(ALLOW);
        $filter .= instruction(IF_EQUAL, 0, length($body) / 8, $mark) . $body;
    }
    $filter .= answer(ALLOW);
    my $program = pack 'S x' . (length(pack 'P', '') - 2) . ' P', length($filter) / 8, $filter;    # struct sock_fprog
    my $listener = -1;
    for my $flags (NEW_LISTENER | WAIT_KILLABLE, NEW_LISTENER) {
        $listener = syscall $seccomp, SECCOMP_SET_MODE_FILTER, $flags, $program if $listener < 0;
    }
    open $programs, '<&=', $listener if $listener >= 0;
}

# A program is about to start: if it is a maintainer script, that is noted before its first line runs.
sub take_program {
    my $message = "\0" x MESSAGE_SIZE;
    ioctl $programs, RECEIVE, $message or return;
    my ($id, $pid, $number, $first, $second, $third) = unpack 'Q L x4 l x12 Q Q Q', $message;
    my ($path, $arguments) = $IS_EXECVEAT{$number} ? ($second, $third) : ($first, $second);
    begin_script($pid, string_of($pid, $path), $arguments) if %command;
    my $answer = pack 'Q q l L', $id, 0, 0, GO_ON;
    ioctl $programs, ANSWER, $answer;
}

# A script that another one starts belongs to that one, and one that no dpkg of ours starts to whoever does.
sub begin_script {
    my ($pid, $path, $arguments) = @_;
    my ($package, $name) = script_of($path) or return;
    end_script() if %script && ready_now($script{exit});
    return if %script;
    my %alive = living();
    return if topmost($pid, \%alive) != $command{pid};
    my $pidfd = syscall $PIDFD_OPEN, $pid, 0;
    return if $pidfd < 0;
    open my $exit, '<&=', $pidfd or return;
    my ($argument) = unpack 'x8 Q', memory_of($pid, $arguments, 16) . "\0" x 16;
    my $verb = $argument ? string_of($pid, $argument) : '';
    %script = (exit => $exit);
    mark('s', $package, $verb =~ /\A[a-z-]+\z/ ? "$name $verb" : $name, \%alive);
}

sub end_script {
    return if !%script;
    %script = ();
    mark('e', '', '', { living() });
}

# Package and name of a maintainer script, as dpkg and debconf lay them out; nothing for other programs.
sub script_of {
    my ($path) = @_;
    return ($1, $2) if $path =~ m{\A/var/lib/dpkg/info/([^/]+)\.(preinst|postinst|prerm|postrm|config)\z};
    return ($1, $2) if $path =~ m{\A/var/cache/debconf/tmp\.ci/([^/]+)\.(config)\.[^/]+\z};
    return if $path !~ m{\A/var/lib/dpkg/tmp\.ci/(preinst|postinst|prerm|postrm)\z};
    my $name = $1;
    return slurp('/var/lib/dpkg/tmp.ci/control') =~ /^Package:[ \t]*([a-z0-9][a-z0-9+.-]+)[ \t]*$/mi ? ($1, $name) : ();
}

# Notes that something begins or ends: c d a command, s e a script. The position is that of a file made just now; 0 if
# none can be made, or as the last word if there are too many marks.
sub mark {
    my ($kind, $package, $text, $alive) = @_;
    return if !$programs || @marks > MARKS_MAX;
    chdir $scratch;
    my ($inode, $changed) = (0, 0);
    if (@marks < MARKS_MAX && sysopen my $handle, 'mark', O_WRONLY | O_CREAT | O_EXCL, 0600) {
        ($inode, $changed) = place('mark');
        unlink 'mark';
    }
    chdir '/';
    push @marks, pack_list($kind, $inode, $changed, $package, $text, join ' ', strays($alive));
}

# Inode number and times of change (of the object itself, of what is in it) in nanoseconds; nothing if it is not there.
sub place {
    my ($name) = @_;
    my $stat = "\0" x 256;
    $name = "$name";
    return if syscall($call{statx}, -100, $name, 0x100, 0x7ff, $stat) < 0;    # AT_FDCWD, AT_SYMLINK_NOFOLLOW
    my ($inode, @times) = unpack 'x32 Q x56 q L x4 q L', $stat;
    return ($inode, map { $times[$_] * 1_000_000_000 + $times[$_ + 1] } 0, 2);
}

# The processes that nobody waits for any more: of which packages' scripts they come, by what dpkg tells scripts in
# their environment; `?` for those that do not say.
sub strays {
    my ($alive) = @_;
    my %found;
    for my $pid (keys %$alive) {
        next if %command && topmost($pid, $alive) == $command{pid};
        my ($package) = slurp("/proc/$pid/environ") =~ /(?:\A|\0)DPKG_MAINTSCRIPT_PACKAGE=([^\0]+)/;
        $found{ $package // '?' } = 1;
    }
    return sort keys %found;
}

# The last ancestor of a process below this one.
sub topmost {
    my ($pid, $alive) = @_;
    while (my $process = $alive->{$pid}) {
        last if $process->[0] <= 1;
        $pid = $process->[0];
    }
    return $pid;
}

sub ready_now {
    my ($handle) = @_;
    my $vector = bits($handle);
    return select($vector, undef, undef, 0) > 0;
}

# A string in the memory of a process, as far as it is long enough for us.
sub string_of {
    my ($pid, $address) = @_;
    return memory_of($pid, $address, NAME_MAX) =~ s/\0.*//sr;
}

# Read page by page, as the next one may not be there.
sub memory_of {
    my ($pid, $address, $size) = @_;
    sysopen my $memory, "/proc/$pid/mem", O_RDONLY or return '';
    my $bytes = '';
    while ($size > length $bytes) {
        my $left = $size - length $bytes;
        my $page = 4096 - $address % 4096;
        sysseek $memory, $address, 0 or last;
        my $count = sysread $memory, $bytes, $left < $page ? $left : $page, length $bytes or last;
        $address += $count;
    }
    return $bytes;
}

sub tell_history {
    my ($id) = @_;
    send_frame('M', $id, join '', @marks) if @marks;
    done($id);
}

sub tell_places {
    my ($id, @paths) = @_;
    my @rows;
    chdir $scratch if $programs;
    for my $path ($programs ? @paths : ()) {
        my @place = place("$tree$path") or next;
        push @rows, $path, @place;
    }
    chdir '/';
    send_frame('O', $id, pack_list(@rows)) if @rows;
    done($id);
}

1;
