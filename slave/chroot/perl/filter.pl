# System calls that no process of a test may make, whatever it calls itself: those that would make it root in a user
# namespace of its own (which may mount, and is where most of the kernel's holes are), and those that reach the keys
# which the host's root has in the kernel, because keyrings know no namespaces. Written as a seccomp filter: seccomp(2).
use constant { PR_SET_SECCOMP => 22, SECCOMP_MODE_FILTER => 2 };
use constant { REFUSE => 0x50001, UNKNOWN => 0x50026, ALLOW => 0x7fff0000 };    # EPERM, ENOSYS
use constant { LOAD => 0x20, IF_EQUAL => 0x15, IF_GREATER => 0x25, IF_NOT_LESS => 0x35, IF_SET => 0x45, RETURN => 0x06 };
use constant { NUMBER_AT => 0, ARCHITECTURE_AT => 4, FLAGS_AT => 16 };    # in struct seccomp_data, little endian

my $CLONE3 = 435;
# Of each architecture (linux/audit.h): its mark, unshare, clone, keyctl; add_key and request_key come before keyctl.
# A processor may run programs of a second one.
my %FILTERED = (
    'x86_64'    => [[0xc000003e, 272, 56, 250], [0x40000003, 310, 120, 288]],
    'i.86'      => [[0x40000003, 310, 120, 288], [0xc000003e, 272, 56, 250]],
    'aarch64'   => [[0xc00000b7, 97, 220, 219], [0x40000028, 337, 120, 311]],
    'arm'       => [[0x40000028, 337, 120, 311], [0xc00000b7, 97, 220, 219]],
    'riscv64'   => [[0xc00000f3, 97, 220, 219]],
    'powerpc64' => [[0xc0000015, 282, 120, 271]],
);

# code, jump if true, jump if false (instructions to leave out), operand
sub instruction { return pack 'S C C L', @_ }
sub answer { return instruction(RETURN, 0, 0, $_[0]) }

sub rules {
    my ($mark, $unshare, $clone, $keyctl) = @_;
    my $body = join '',
        instruction(LOAD, 0, 0, NUMBER_AT),
        instruction(IF_NOT_LESS, 0, 1, 0x40000000), answer(UNKNOWN),    # x32, which nobody uses
        instruction(IF_EQUAL, 0, 1, $CLONE3), answer(UNKNOWN),    # its flags are in memory, out of reach; clone is tried
        instruction(IF_EQUAL, 4, 0, $unshare),
        instruction(IF_EQUAL, 3, 0, $clone),
        instruction(IF_NOT_LESS, 0, 4, $keyctl - 2),
        instruction(IF_GREATER, 3, 0, $keyctl),
        answer(REFUSE),
        instruction(LOAD, 0, 0, FLAGS_AT),
        instruction(IF_SET, 1, 0, CLONE_NEWUSER),
        answer(ALLOW),
        answer(REFUSE);
    return instruction(IF_EQUAL, 0, length($body) / 8, $mark) . $body;
}

# Holds for this process and for all that it starts, and cannot be taken back.
sub filter_calls {
    my $filter = join '', instruction(LOAD, 0, 0, ARCHITECTURE_AT), map({ rules(@$_) } @{ $FILTERED{$machine} }),
        answer(UNKNOWN);
    my $program = pack 'S x' . (length(pack 'P', '') - 2) . ' P', length($filter) / 8, $filter;    # struct sock_fprog
    must('filter system calls', syscall($call{prctl}, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, $program, 0, 0));
}

1;
