# A command that somebody talks to: it gets a terminal of the test's own, whose other end is relayed like output.
# asm/ioctls.h; only powerpc counts otherwise.
my %TERMINAL = (unlock => 0x40045431, number => 0x80045430, own => 0x540e, size => 0x5414);
@TERMINAL{qw(unlock number size)} = (0x80045431, 0x40045430, 0x80087467) if $machine && $machine eq 'powerpc64';

# As start_command, with the number of rows and columns in the place of limits.
sub start_conversation {
    my ($id, $payload) = @_;
    my ($rows, $columns, $count, @words) = unpack_list($payload);
    my @argv = splice @words, 0, $count;
    sysopen my $master, '/dev/pts/ptmx', O_RDWR | O_NOCTTY or return failed($id, 'open a terminal');
    my ($lock, $number) = (pack('i', 0), pack 'i', 0);
    ioctl $master, $TERMINAL{unlock}, $lock or return failed($id, 'open a terminal');
    ioctl $master, $TERMINAL{number}, $number or return failed($id, 'open a terminal');
    my $name = '/dev/pts/' . unpack 'i', $number;
    my $pid = fork // return failed($id, 'fork');
    if (!$pid) {
        syscall $call{setsid};
        sysopen my $own, $name, O_RDWR or exit 126;
        ioctl $own, $TERMINAL{own}, 0;
        become_command($own, \@argv, { map { split /=/, $_, 2 } @words }, $own);
    }
    fcntl $master, F_SETFL, O_NONBLOCK;
    undef $test_ends;    # the test is over
    my $begun = now();
    %command = (
        id => $id, pid => $pid, output => $master, terminal => $master, typed => '', begun => $begun, left => 1 << 62,
        deadline => $begun + (1 << 30), counts => { map { $_ => event_count($_) } keys %watch }, probe => $begun + (1 << 30),
    );
    set_size($id, pack_list($rows, $columns));
}

sub set_size {
    my ($id, $payload) = @_;
    my ($rows, $columns) = unpack_list($payload);
    my $size = pack 'S4', $rows, $columns, 0, 0;
    ioctl $command{terminal}, $TERMINAL{size}, $size if $command{terminal};
}

# What was typed reaches the program as soon as it has room for it.
sub type_text {
    my ($text) = @_;
    return if !$command{output} || !$command{terminal};
    $command{typed} .= $text;
    my $count = syswrite $command{terminal}, $command{typed};
    substr($command{typed}, 0, $count) = '' if $count;
}

1;
