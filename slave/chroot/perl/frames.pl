# Frames on stdin and stdout: length of the payload (32 bits, big endian), type (one letter), id (32 bits), payload.
# A list in a payload is a sequence of strings, each behind its length. Both directions use the same form.
#   asked:    R run · I run at a terminal, i what is typed, z its size · P put · D its content, empty at the end · G read · X remove · L lstat · A attributes
#             W walk · M marks of scripts · O order of paths · T process table · K kill all · N listen on loopback (apt or all)
#             U stop listening · relayed: d data · c close · w more window
#   answered: H hello · E error of set-up · o output · e end of a command · D content · L entries · A attributes
#             M marks · O order · T table · . done · ! failed (errno, text) · n port
#             relayed: a accepted · d data · c closed · w written
my ($control_in, $control_out, $unread) = (undef, undef, '');

sub send_frame {
    my ($type, $id, $payload) = @_;
    my $frame = pack('N a N', length $payload, $type, $id) . $payload;
    my $offset = 0;
    while ($offset < length $frame) {
        my $written = syswrite $control_out, $frame, length($frame) - $offset, $offset;
        next if !defined $written && $!{EINTR};
        exit 1 if !defined $written;    # the tester is gone; so is this namespace, then
        $offset += $written;
    }
}

sub pack_list { return pack '(N/a*)*', @_ }
sub unpack_list { return unpack '(N/a*)*', $_[0] }
sub done { send_frame('.', $_[0], '') }
sub failed { my ($id, $what) = @_; send_frame('!', $id, pack_list($! + 0, "$what: $!")) }

# Reads what has come; the tester's end of the pipe being closed ends everything here.
sub receive {
    my $count = sysread $control_in, $unread, 1 << 17, length $unread;
    return if !defined $count && $!{EINTR};
    finish() if !$count;
}

# The next whole frame as (type, id, payload), or nothing.
sub next_frame {
    return if length $unread < 9;
    my ($length, $type, $id) = unpack 'N a N', $unread;
    return if length $unread < 9 + $length;
    my $payload = substr $unread, 9, $length;
    substr($unread, 0, 9 + $length) = '';
    return ($type, $id, $payload);
}

1;
