// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
// The same program in C++17: the headers are C++ as well, and so is the program.
#include "consumer.c"
