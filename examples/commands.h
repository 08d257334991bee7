/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/* What commands.c sends and commands.bpf.c answers. */
#ifndef COMMANDS_H
#define COMMANDS_H

enum command_op { COMMAND_SET, COMMAND_ADD, COMMAND_GET };

struct command {
	unsigned int id; /* comes back with the answer */
	unsigned int op;
	unsigned int key;
	long long value;
};

struct answer {
	unsigned int id;
	int error;
	long long value;
};

#endif /* COMMANDS_H */
