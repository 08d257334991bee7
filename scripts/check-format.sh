#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
#
# check-format.sh [--fix]: every C file is as clang-format wants it, and no line has more than 100
# columns.
set -eu

cd "$(dirname "$0")/.."
scripts/setup.sh clang-format git perl-base

mode="--dry-run --Werror"
[ "${1:-}" != --fix ] || mode=-i
# shellcheck disable=SC2086
git ls-files -z '*.c' '*.h' '*.cpp' | xargs -0 clang-format $mode

# clang-format leaves comments alone. Tables and code in Markdown, and addresses, may be longer.
git ls-files -z '*.c' '*.h' '*.cpp' '*.py' '*.md' '*.sh' '*.cmake' '*CMakeLists.txt' |
	xargs -0 perl -CSD -e '
		for my $file (@ARGV) {
			my $markdown = $file =~ /\.md$/;
			my $code = 0;
			open(my $in, "<", $file) or die "$file: $!\n";
			while (my $line = <$in>) {
				chomp($line);
				$code = !$code if $markdown && $line =~ /^\s*```/;
				1 while $line =~ s/^([^\t]*)\t/$1 . " " x (8 - length($1) % 8)/e;
				next if length($line) <= 100 || $line =~ m{https?://};
				next if $markdown && ($code || $line =~ /^(\s*\||    )/);
				print "$file:$.: ", length($line), " columns\n";
				$bad = 1;
			}
		}
		exit($bad ? 1 : 0)'
