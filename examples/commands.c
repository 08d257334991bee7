// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
/*
 * Example of request and response: sends the commands on stdin, "set KEY VALUE", "add KEY VALUE"
 * and "get KEY" with keys from 0 to 15, to a BPF program and prints its answers.
 */
#include <bpfring/bpfring.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "commands.skel.h"

static int on_answer(void *ctx, const void *data, size_t size)
{
	const struct answer *answer = data;

	(void)ctx, (void)size;
	if (answer->error)
		return printf("%u: %s\n", answer->id, strerror(-answer->error));
	return printf("%u: %lld\n", answer->id, answer->value);
}

static int parse(const char *line, struct command *ret)
{
	static const char *const names[] = {"set", "add", "get"};
	char name[8];
	int n = sscanf(line, "%7s %u %lld", name, &ret->key, &ret->value);

	for (ret->op = 0; n >= 2 && ret->op < 3; ret->op++)
		if (!strcmp(name, names[ret->op]))
			return n == 3 || ret->op == COMMAND_GET ? 0 : -1;
	return -1;
}

/* Writes one command into the ring, in place, and takes all answers that have come. */
static int execute(struct bpfring_producer *producer, struct bpfring_consumer *consumer,
		   const struct command *command)
{
	void *sample;
	int err;

	err = bpfring_producer_reserve_wait(producer, sizeof(*command), -1, &sample);
	if (err)
		return err;
	memcpy(sample, command, sizeof(*command));
	err = bpfring_producer_submit(producer, sample);
	if (!err)
		err = bpfring_producer_kick(producer); /* runs the BPF program */
	return err < 0 ? err : bpfring_consumer_consume(consumer, on_answer, NULL, NULL, NULL);
}

int main(void)
{
	BPFRING_OPTS(bpfring_producer_opts, opts);
	struct commands_bpf *skel = commands_bpf__open_and_load();
	struct bpfring_producer *producer = NULL;
	struct bpfring_consumer *consumer = NULL;
	struct command command = {0};
	int err = 0, status = 1;
	char line[128];

	if (!skel)
		return fputs("cannot load BPF programs: run it as root\n", stderr), 1;
	opts.kick_prog_fd = bpf_program__fd(skel->progs.execute_commands);
	if (bpfring_producer_open(&producer, bpf_map__fd(skel->maps.commands), &opts) ||
	    bpfring_consumer_open(&consumer, bpf_map__fd(skel->maps.answers), NULL))
		goto cleanup; /* libbpfring has logged why */

	for (; err >= 0 && fgets(line, sizeof(line), stdin); command.id++) {
		if (parse(line, &command))
			fprintf(stderr, "%u: not a command: %s", command.id, line);
		else
			err = execute(producer, consumer, &command);
	}
	status = err < 0;
	if (err < 0)
		fprintf(stderr, "commands: %s\n", bpfring_errname(err));

cleanup:
	bpfring_consumer_close(consumer);
	bpfring_producer_close(producer);
	commands_bpf__destroy(skel);
	return status;
}
