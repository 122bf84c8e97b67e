# System calls that Perl has no function for. The supervisor is one Perl text of the files in this folder (the order is
# in ../program.py) and runs under the host's perl with modules of perl-base alone, all loaded before the test begins.
use strict;
use warnings;
use Config;
use Fcntl qw(:mode O_RDONLY O_WRONLY O_RDWR O_CREAT O_EXCL O_NOFOLLOW O_NONBLOCK O_NOCTTY O_DIRECTORY F_SETFL);

# Kernel headers, asm/unistd.h of each architecture.
my @CALLS = qw(mount umount2 pivot_root unshare prctl capset setns setsid keyctl clock_gettime statx prlimit64);
my %NUMBERS = (
    'x86_64'    => [165, 166, 155, 272, 157, 126, 308, 112, 250, 228, 332, 302],
    'i.86'      => [ 21,  52, 217, 310, 172, 185, 346,  66, 288, 265, 383, 340],
    'aarch64'   => [ 40,  39,  41,  97, 167,  91, 268, 157, 219, 113, 291, 261],
    'riscv64'   => [ 40,  39,  41,  97, 167,  91, 268, 157, 219, 113, 291, 261],
    'arm'       => [ 21,  52, 218, 337, 172, 185, 375,  66, 311, 263, 397, 369],
    'powerpc64' => [ 21,  52, 203, 282, 171, 184, 350,  66, 271, 246, 383, 325],
);
my $PIDFD_OPEN = 434;    # the same everywhere
my ($machine) = grep { $Config{archname} =~ /^$_/ } keys %NUMBERS;
my %call;
@call{@CALLS} = @{ $NUMBERS{$machine} } if defined $machine;

use constant {
    MS_RDONLY => 1, MS_NOSUID => 2, MS_NODEV => 4, MS_NOEXEC => 8, MS_REMOUNT => 32, MS_BIND => 4096,
    MS_REC => 16384, MS_PRIVATE => 1 << 18, MNT_DETACH => 2,
    CLONE_NEWNS => 0x20000, CLONE_NEWCGROUP => 0x2000000, CLONE_NEWUTS => 0x4000000, CLONE_NEWIPC => 0x8000000,
    CLONE_NEWUSER => 0x10000000, CLONE_NEWPID => 0x20000000, CLONE_NEWNET => 0x40000000,
    PR_SET_PDEATHSIG => 1, PR_GET_DUMPABLE => 3, PR_SET_DUMPABLE => 4, PR_CAPBSET_READ => 23, PR_CAPBSET_DROP => 24,
    SIGKILL => 9, WNOHANG => 1,
};

# A call that has to work: dies with what was tried and why it did not.
sub must {
    my ($what, $result) = @_;
    die "$what: $!\n" if $result < 0;
    return $result;
}

sub mount_at {
    my ($source, $target, $type, $flags, $options) = @_;
    $_ = "$_" for ($source, $target, $type, $options);    # a number would be passed by value
    must("mount $type on $target", syscall($call{mount}, $source, $target, $type, $flags, $options));
}

# Bind `source` on `target` and take rights away (a bind mount takes its flags only from a second call).
sub bind_readonly {
    my ($source, $target, $flags) = @_;
    mount_at($source, $target, '', MS_BIND, '');
    mount_at('', $target, '', MS_BIND | MS_REMOUNT | MS_RDONLY | $flags, '');
}

# Seconds of the monotonic clock.
sub now {
    my $time = "\0" x 16;
    syscall($call{clock_gettime}, 1, $time);
    my ($seconds, $nanoseconds) = unpack 'l! l!', $time;
    return $seconds + $nanoseconds / 1e9;
}

1;
