# Extended attributes of files: capabilities, access lists, what programs note for themselves.
my %ATTRIBUTE_CALLS = (    # lgetxattr, llistxattr
    'x86_64' => [192, 195], 'i.86' => [230, 233], 'aarch64' => [9, 12], 'riscv64' => [9, 12], 'arm' => [230, 233],
    'powerpc64' => [213, 216],
);
use constant ATTRIBUTES_LENGTH_MAX => 65536;    # what the kernel allows of names, and of each value

# For each of the paths that has attributes: the path and how many, then names and values.
sub attributes_of {
    my ($id, @paths) = @_;
    my ($get, $list) = @{ $ATTRIBUTE_CALLS{$machine} };
    my $packed = '';
    my $buffer = "\0" x ATTRIBUTES_LENGTH_MAX;
    for my $path (@paths) {
        my $length = syscall $list, "$path", $buffer, ATTRIBUTES_LENGTH_MAX;
        next if $length <= 0;
        my @found;
        for my $name (split /\0/, substr $buffer, 0, $length) {
            my $value = "\0" x ATTRIBUTES_LENGTH_MAX;
            my $size = syscall $get, "$path", "$name", $value, ATTRIBUTES_LENGTH_MAX;
            push @found, $name, substr $value, 0, $size if $size >= 0;
        }
        $packed .= pack_list($path, @found / 2, @found);
        if (length $packed > 1 << 17) { send_frame('A', $id, $packed); $packed = '' }
    }
    send_frame('A', $id, $packed) if $packed ne '';
    done($id);
}

1;
