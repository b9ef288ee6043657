/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * state.h - all that plugins can leave behind, as text
 *
 * Read from the kernel without any code of the project.  What the kernel changes by
 * itself (carriers, link-local addresses, counters, handles, time-outs) is left out.
 */
#ifndef TESTS_FAULTS_STATE_H
#define TESTS_FAULTS_STATE_H

struct lines;

/**
 * struct netns - A network namespace, and sockets in it
 * @name:	As the lines call it: "host", "c1"
 * @fd:		The namespace
 * @route, @nft: Netlink sockets.  They stay open: closing the latter waits for the kernel
 */
struct netns {
	const char *name;
	int fd;
	int route;
	int nft;
};

/* A new namespace; the caller stays where it is. */
void netns_make(struct netns *ns, const char *name);
/* As netns_make(), and the caller moves there. */
void netns_make_enter(struct netns *ns, const char *name);
/* Remove every link but the loopback interface, and every table of nf_tables. */
void netns_clear(struct netns *ns);
void netns_close(struct netns *ns);
void netns_set_loopback_up(void);
/* Enter it. */
void netns_go(const struct netns *ns);

/**
 * state_read() - Links, addresses, routes, rules, VLANs of ports, nf_tables, sysctls
 *
 * One line each, beginning with the namespace's name and the kind.  Sysctls are those
 * given to state_add_sysctl().  The caller is in @home afterwards.
 */
void state_read(struct lines *l, const struct netns *ns, const struct netns *home);

/* Files and directories below @dir, with their contents. */
void state_read_files(struct lines *l, const char *dir);

/* Look at this sysctl from now on, in each namespace that has it. */
void state_add_sysctl(const char *path);

/* "PATH = VALUE", as a line has it behind namespace and kind: write it, if it is there. */
void state_write_sysctl(const char *line);

#endif /* TESTS_FAULTS_STATE_H */
