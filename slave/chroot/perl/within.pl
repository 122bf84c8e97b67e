# perl within.pl UIDMAP GIDMAP PROGRAM ARGUMENT...: runs a program as root of a user namespace, see range.pl.
use strict;
use warnings;

my ($folder) = $0 =~ m{\A(.*)/};
my $text = '';
for my $name ('kernel', 'range') {
    open my $handle, '<', "$folder/$name.pl" or die "$folder/$name.pl: $!\n";
    local $/;
    $text .= qq(\n# line 1 "$name.pl"\n) . <$handle>;
}
my ($uids, $gids, @words) = @ARGV;
eval "$text\nenter_own_range(\$uids, \$gids); 1" or die $@;
exec { $words[0] } @words;
die "$words[0]: $!\n";
