# Words, substitutions and sorting: what perl is used for. Reads the file it is given.
use strict;
use warnings;
my (%count, $changed);
while (my $line = <>) {
    $changed += ($line =~ s/\b([aeiou]\w+)\b/<$1>/g) || 0;
    $count{lc $1}++ while $line =~ /(\w{3,})/g;
}
my @top = sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count;
printf "%s %d\n", $_, $count{$_} for @top[0 .. 4];
print "$changed\n";
