#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
"""Reads a pinned ring buffer through libbpfring, with nothing but Python's standard library.

	sudo ./pin /sys/fs/bpf/events &	# or any program that pins a ring
	sudo ./read_ring.py /sys/fs/bpf/events

The functions that are inline in C are symbols of the library too, and none needs a callback.
"""
import ctypes
import os
import struct
import sys

EVENT = struct.Struct("=i16s")  # struct event of examples/minimal
TICK_NS = 200_000_000  # Python runs its signal handlers between two waits, not in one


class Record(ctypes.Structure):
    """struct bpfring_record"""

    _fields_ = [
        ("data", ctypes.c_void_p),
        ("size", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("pos", ctypes.c_uint64),
    ]


class Error(OSError):
    """A negative value that libbpfring returned. Its log, on stderr, says more."""


class Ring:
    """The consumer of a pinned map. Iterating over it waits for records."""

    def __init__(self, library, pin):
        self._lib = library
        self._consumer = ctypes.c_void_p()
        self._check(
            library.bpfring_consumer_open_pinned(ctypes.byref(self._consumer), pin.encode(), None)
        )

    @staticmethod
    def _check(value):
        if value < 0:
            raise Error(-value, os.strerror(-value))
        return value

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._lib.bpfring_consumer_close(self._consumer)

    def __iter__(self):
        record = Record()
        while True:
            self._check(self._lib.bpfring_consumer_wait(self._consumer, TICK_NS))
            while self._check(
                self._lib.bpfring_consumer_peek(self._consumer, ctypes.byref(record))
            ):
                yield ctypes.string_at(record.data, record.size)
                self._check(self._lib.bpfring_consumer_release(self._consumer))


def load(path):
    """The library, and what ctypes has to know of its functions."""
    try:
        library = ctypes.CDLL(path)
    except OSError as error:
        sys.exit("read_ring.py: %s; install libbpfring, or set BPFRING_LIBRARY to it" % error)
    consumer = ctypes.c_void_p
    library.bpfring_consumer_open_pinned.argtypes = [
        ctypes.POINTER(consumer),
        ctypes.c_char_p,
        ctypes.c_void_p,
    ]
    library.bpfring_consumer_close.argtypes = [consumer]
    library.bpfring_consumer_close.restype = None
    library.bpfring_consumer_wait.argtypes = [consumer, ctypes.c_int64]
    library.bpfring_consumer_peek.argtypes = [consumer, ctypes.POINTER(Record)]
    library.bpfring_consumer_release.argtypes = [consumer]
    return library


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: read_ring.py PIN")
    library = load(os.environ.get("BPFRING_LIBRARY", "libbpfring.so.0.1"))
    with Ring(library, sys.argv[1]) as ring:
        for data in ring:
            pid, comm = EVENT.unpack_from(data)
            print("%-8d %s" % (pid, comm.split(b"\0")[0].decode(errors="replace")), flush=True)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
    except Error as error:
        sys.exit("read_ring.py: %s" % error.strerror)
