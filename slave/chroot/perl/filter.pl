# System calls that no process of a test may make, whatever it calls itself: those that would make it root in a user
# namespace of its own (which may mount, and is where most of the kernel's holes are); those that reach the keys which the
# host's root has in the kernel, or the hypervisor (vsock), because neither knows namespaces; bpf, perf_event_open and
# io_uring, which no package needs to be installed and many holes were in; userfaultfd, with which a process could stop
# whoever reads its memory, us included. Written as a seccomp filter: seccomp(2).
use constant { PR_SET_SECCOMP => 22, SECCOMP_MODE_FILTER => 2 };
use constant { REFUSE => 0x50001, UNKNOWN => 0x50026, ALLOW => 0x7fff0000 };    # EPERM, ENOSYS
use constant { LOAD => 0x20, IF_EQUAL => 0x15, IF_NOT_LESS => 0x35, IF_SET => 0x45, RETURN => 0x06 };
use constant { NUMBER_AT => 0, ARCHITECTURE_AT => 4, FIRST_AT => 16 };    # in struct seccomp_data, little endian

my $CLONE3 = 435;
my @IO_URING = (425, 426, 427);    # numbers that are the same everywhere, like that of clone3
use constant AF_VSOCK => 40;

# Of each architecture (linux/audit.h): its mark, unshare, clone, keyctl, bpf, perf_event_open, userfaultfd, socket;
# add_key and request_key come before keyctl. A processor may run programs of a second one.
my %X86_64 = (mark => 0xc000003e, flags => [272, 56], refused => [248 .. 250, 321, 298, 323], socket => 41);
my %I386 = (mark => 0x40000003, flags => [310, 120], refused => [286 .. 288, 357, 336, 374], socket => 359);
my %ARM64 = (mark => 0xc00000b7, flags => [97, 220], refused => [217 .. 219, 280, 241, 282], socket => 198);
my %ARM = (mark => 0x40000028, flags => [337, 120], refused => [309 .. 311, 386, 364, 388], socket => 281);
my %RISCV64 = (%ARM64, mark => 0xc00000f3);
my %PPC64 = (mark => 0xc0000015, flags => [282, 120], refused => [269 .. 271, 361, 319, 364], socket => 326);
my %FILTERED = (
    'x86_64'    => [\%X86_64, \%I386],
    'i.86'      => [\%I386, \%X86_64],
    'aarch64'   => [\%ARM64, \%ARM],
    'arm'       => [\%ARM, \%ARM64],
    'riscv64'   => [\%RISCV64],
    'powerpc64' => [\%PPC64],
);

# code, jump if true, jump if false (instructions to leave out), operand
sub instruction { return pack 'S C C L', @_ }
sub answer { return instruction(RETURN, 0, 0, $_[0]) }

# Instructions for one call alone; the number of the call is loaded before and after.
sub only_for { my ($number, $body) = @_; return instruction(IF_EQUAL, 0, length($body) / 8, $number) . $body }

sub rules {
    my ($of) = @_;
    my $body = join '',
        instruction(LOAD, 0, 0, NUMBER_AT),
        instruction(IF_NOT_LESS, 0, 1, 0x40000000), answer(UNKNOWN),    # x32, which nobody uses
        only_for($CLONE3, answer(UNKNOWN)),    # its flags are in memory, out of reach; clone is tried then
        map({ only_for($_, answer(UNKNOWN)) } @IO_URING),
        map({ only_for($_, answer(REFUSE)) } @{ $of->{refused} }),
        map({ only_for($_, instruction(LOAD, 0, 0, FIRST_AT) . instruction(IF_SET, 0, 1, CLONE_NEWUSER)
            . answer(REFUSE) . answer(ALLOW)) } @{ $of->{flags} }),
        only_for($of->{socket}, instruction(LOAD, 0, 0, FIRST_AT) . instruction(IF_EQUAL, 0, 1, AF_VSOCK)
            . answer(REFUSE) . answer(ALLOW)),
        answer(ALLOW);
    return only_for($of->{mark}, $body);
}

# Holds for this process and for all that it starts, and cannot be taken back.
sub filter_calls {
    my $filter = join '', instruction(LOAD, 0, 0, ARCHITECTURE_AT), map({ rules($_) } @{ $FILTERED{$machine} }),
        answer(UNKNOWN);
    my $program = pack 'S x' . (length(pack 'P', '') - 2) . ' P', length($filter) / 8, $filter;    # struct sock_fprog
    must('filter system calls', syscall($call{prctl}, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, $program, 0, 0));
}

1;
