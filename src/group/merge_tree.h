/* SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause */
/*
 * A tournament of losers: which of many keys is the least, and after that one was replaced, which
 * is it now, in log2(n) comparisons. Of equal keys the lower rank wins. A comparison is one of 128
 * bits, without a branch: which of two records comes first cannot be predicted.
 */
#ifndef BPFRING_SRC_MERGE_TREE_H
#define BPFRING_SRC_MERGE_TREE_H

#include <stdbool.h>
#include <stdint.h>

/* Ranks from here on have no key, and lose against all that have. */
#define TREE_NO_KEY (1ULL << 32)

struct tree_node {
	uint64_t key;
	uint64_t rank; /* number of the leaf */
};

struct merge_tree {
	struct tree_node *nodes; /* the winner, then the losers, then room for a rebuild */
	uint32_t leaves;	 /* a power of two */
	uint32_t room;		 /* leaves that there is memory for */
};

static inline bool tree_less(struct tree_node a, struct tree_node b)
{
#ifdef __SIZEOF_INT128__
	__extension__ typedef unsigned __int128 u128;

	return ((u128)a.key << 64 | a.rank) < ((u128)b.key << 64 | b.rank);
#else
	return a.key < b.key || (a.key == b.key && a.rank < b.rank);
#endif
}

static inline struct tree_node tree_winner(const struct merge_tree *t)
{
	return t->nodes[0];
}

/* The winner's leaf has this key now. */
static inline void tree_replace(struct merge_tree *t, struct tree_node node)
{
	struct tree_node *const nodes = t->nodes;
	uint32_t leaf = (uint32_t)node.rank;

	for (uint32_t i = (t->leaves + leaf) / 2; i; i /= 2) {
		const struct tree_node other = nodes[i];
		/* All bits or none: compilers make branches of a conditional exchange. */
		const uint64_t mask = 0 - (uint64_t)tree_less(other, node);
		const uint64_t key = (other.key ^ node.key) & mask;
		const uint64_t rank = (other.rank ^ node.rank) & mask;

		nodes[i].key = other.key ^ key;
		nodes[i].rank = other.rank ^ rank;
		node.key ^= key;
		node.rank ^= rank;
	}
	nodes[0] = node;
}

/* All anew: the leaves, t->leaves of them, are in t->nodes from t->leaves on, which is lost. */
static inline void tree_build(struct merge_tree *t)
{
	struct tree_node *const nodes = t->nodes;
	const uint32_t n = t->leaves;

	/* nodes[i] becomes the winner of its subtree, then, from the top down, the loser. */
	for (uint32_t i = n - 1; i; i--)
		nodes[i] = tree_less(nodes[2 * i + 1], nodes[2 * i]) ? nodes[2 * i + 1]
								     : nodes[2 * i];
	nodes[0] = nodes[1];
	for (uint32_t i = 1; i < n; i++)
		nodes[i] = nodes[2 * i].rank == nodes[i].rank ? nodes[2 * i + 1] : nodes[2 * i];
}

#endif /* BPFRING_SRC_MERGE_TREE_H */
