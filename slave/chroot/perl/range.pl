# Root in a user namespace of an account without rights: its ids are those that /etc/subuid and /etc/subgid give to the
# account. Used by the supervisor and by within.pl.

# Each map is a text such as "0 100000 65536": first id inside, first id outside, how many; more such triples may follow.
sub enter_own_range {
    my ($uids, $gids) = @_;
    my $parent = $$;
    pipe my $ready, my $tell or die "pipe: $!\n";
    my $helper = fork // die "fork: $!\n";
    if (!$helper) {
        close $tell;
        exit 1 if !sysread $ready, my $word, 1;
        for (['newuidmap', $uids], ['newgidmap', $gids]) {
            my ($program, $map) = @$_;
            my $status = system { "/usr/bin/$program" } $program, $parent, split / /, $map;
            exit $status ? 1 : 0 if $status || $program eq 'newgidmap';
        }
    }
    close $ready;
    must('new user namespace', syscall($call{unshare}, CLONE_NEWUSER));
    syswrite $tell, 'x';
    waitpid $helper, 0;
    die "the ids of this account cannot be used: newuidmap or newgidmap (package uidmap) failed\n" if $?;
    $) = '0 0';
    $( = 0;
    ($<, $>) = (0, 0);
    die "not root in the user namespace: $!\n" if $> != 0 || $< != 0 || $) !~ /\A0 /;
}

1;
