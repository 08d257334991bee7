# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
"""ring_tool.py COUNT: like a tool of bcc's, prints so many calls of the program "paced"."""
import sys
from bcc import BPF

PROGRAM = """
struct event { u64 number; };
BPF_RINGBUF_OUTPUT(events, 64);
BPF_ARRAY(count, u64, 1);

RAW_TRACEPOINT_PROBE(sys_enter)
{
	char comm[16];
	int zero = 0;
	u64 *n = count.lookup(&zero);

	if (!n || ctx->args[1] != 110) /* getppid */
		return 0;
	bpf_get_current_comm(&comm, sizeof(comm));
	if (comm[0] != 'p' || comm[1] != 'a' || comm[2] != 'c' || comm[3] != 'e' || comm[4] != 'd')
		return 0;
	struct event e = {.number = (*n)++};
	events.ringbuf_output(&e, sizeof(e), 0);
	return 0;
}
"""

bpf = BPF(text=PROGRAM, cflags=["-Wno-everything"])
seen = 0


def on_event(_ctx, data, _size):
    global seen
    print("call", bpf["events"].event(data).number)
    seen += 1


bpf["events"].open_ring_buffer(on_event)
print("ready", flush=True)
idle = 0
while seen < int(sys.argv[1]) and idle < 100:
    before = seen
    bpf.ring_buffer_poll(100)
    idle = idle + 1 if seen == before else 0
bpf.ring_buffer_consume()
