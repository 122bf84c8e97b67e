# Files as the tests' own root sees them: this process lives in it, so no symbolic link leads out of it.
my %upload;    # the one file being written: id, handle, path, the error that stopped it

sub make_parents {
    my ($path) = @_;
    my $at = '';
    for my $part (grep { length } split m{/}, $path =~ s{[^/]*\z}{}r) {
        $at .= "/$part";
        mkdir $at, 0755 if !-e $at;
    }
}

# A link at the path itself is replaced, never followed: a package may have planted it.
sub begin_put {
    my ($id, $path, $mode) = @_;
    make_parents($path);
    unlink $path;
    my $handle;
    my $opened = sysopen $handle, $path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600;
    %upload = (id => $id, handle => $handle, path => $path, mode => $mode, error => $opened ? 0 : $! + 0);
}

sub put_content {
    my ($content) = @_;
    if (!$upload{error}) {
        my $offset = 0;
        while ($offset < length $content) {
            my $written = syswrite $upload{handle}, $content, length($content) - $offset, $offset;
            if (!defined $written) { $upload{error} = $! + 0; last }
            $offset += $written;
        }
        chmod oct $upload{mode}, $upload{handle} if $content eq '';
    }
    return if $content ne '';
    if ($upload{error}) { $! = $upload{error}; failed($upload{id}, "write $upload{path}") }
    else { close $upload{handle}; done($upload{id}) }
    %upload = ();
}

use constant SPARSE => 64 << 20;    # from this size on, a file has to have half of it on the disk to be read

# O_NONBLOCK: a pipe in the place of the file must not stop us, O_NOCTTY: nor may a terminal become ours.
sub read_file {
    my ($id, $path, $room) = @_;
    my $handle;
    return failed($id, "open $path") if !sysopen $handle, $path, O_RDONLY | O_NONBLOCK | O_NOCTTY;
    if (!-f $handle) { $! = 2; return failed($id, "read $path") }    # ENOENT
    while (1) {
        my ($size, $blocks) = (stat $handle)[7, 12];
        if ($size > $room || $size > SPARSE && $blocks * 512 < $size / 2 || test_is_over()) {
            $! = 27;    # EFBIG
            return failed($id, "read $path");
        }
        my $count = sysread $handle, my $content, 1 << 17;
        return failed($id, "read $path") if !defined $count;
        last if !$count;
        send_frame('D', $id, $content);
    }
    done($id);
}

sub remove_file {
    my ($id, $path) = @_;
    return done($id) if unlink $path or $! == 2 or $! == 20;    # ENOENT, ENOTDIR: there is none
    failed($id, "remove $path");
}

# One object as the wire has it, or nothing; directories and links carry no size and time, files do.
sub entry {
    my ($name, $shown) = @_;
    my $stat = "\0" x 256;
    $name = "$name";
    return if syscall($call{statx}, -100, $name, 0x100, 0x7ff, $stat) < 0;    # AT_FDCWD, AT_SYMLINK_NOFOLLOW
    my ($uid, $gid, $mode) = unpack 'x20 L L S', $stat;
    my ($size, $seconds, $nanoseconds, $major, $minor) = unpack 'x40 Q x64 q L x4 L L', $stat;
    my $target = S_ISLNK($mode) ? readlink $name : '';
    ($size, $seconds, $nanoseconds) = (0, 0, 0) if !S_ISREG($mode);
    my $packed = pack 'N/a* N/a* N N N Q> q> N N', $shown, $target // '', $mode, $uid, $gid, $size,
        $seconds * 1_000_000_000 + $nanoseconds, $major, $minor;
    return ($packed, $mode, $stat);
}

sub entries_of {
    my ($id, @paths) = @_;
    my $all = '';
    for my $path (@paths) {
        my ($packed) = entry($path, $path);
        $all .= $packed if defined $packed;
    }
    send_frame('L', $id, $all) if $all ne '';
    done($id);
}

my %UNSEEN = map { $_ => 1 } qw(/proc /sys /dev);
use constant PATH_LENGTH_MAX => 16384;    # deeper trees are told by their top

# Every object of the tree. Goes down by chdir, so that no path is too long, and checks where `..` leads to, because
# processes of the test may be moving directories meanwhile; then the walk of that branch ends early.
sub walk_tree {
    my ($id) = @_;
    my $packed = '';
    chdir '/';
    $packed .= (entry('/', '/'))[0];
    my @levels = ({ path => '', names => [names_here()], identity => identity() });
    while (@levels) {
        my $level = $levels[-1];
        my $name = shift @{ $level->{names} };
        if (!defined $name) {
            pop @levels;
            climb(\@levels) if @levels;
            next;
        }
        my $path = "$level->{path}/$name";
        next if $UNSEEN{$path};
        my ($object, $mode) = entry($name, $path);
        next if !defined $object;
        $packed .= $object;
        if (S_ISDIR($mode) && length $path < PATH_LENGTH_MAX) {
            my $before = join ' ', (lstat $name)[0, 1];
            if (chdir $name) {
                push @levels, { path => $path, name => $name, names => [names_here()], identity => $before };
                if (identity() ne $before) { pop @levels; climb(\@levels) }
            }
        }
        if (length $packed > 1 << 17) { send_frame('L', $id, $packed); $packed = '' }
    }
    chdir '/';
    send_frame('L', $id, $packed) if $packed ne '';
    done($id);
}

sub identity { return join ' ', (lstat '.')[0, 1] }

sub names_here {
    opendir my $directory, '.' or return;
    my @names = grep { $_ ne '.' && $_ ne '..' } readdir $directory;
    return @names;
}

# Back to the directory of the last level: by `..` if that is still it, else from the top, as far as the way exists.
sub climb {
    my ($levels) = @_;
    return if chdir '..' and identity() eq $levels->[-1]{identity};
    while (1) {
        chdir '/';
        my $reached = 0;
        for my $level (@$levels[1 .. $#$levels]) {
            last if !chdir $level->{name} or identity() ne $level->{identity};
            $reached++;
        }
        return if $reached == $#$levels;
        $#$levels = $reached;
    }
}

1;
