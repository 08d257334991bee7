/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
#ifndef TCPCC_H
#define TCPCC_H

#define TCPCC_NAME "bpfring_cc"
#define TCPCC_CWND 24 /* the window, in segments, that the second version keeps to */

#endif /* TCPCC_H */
