/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * attachment.h - what a main plugin does around its device
 *
 * A main plugin (bridge, ptp, ...) makes a device.  The rest of an attachment is
 * the same for all of them: addresses from the IPAM plugin, rules in nf_tables, and
 * the way all of it goes again, after an ADD that failed as well as by DEL and GC.
 *
 *	static const struct attachment_rules rules[] = {
 *		{ masq_put_del, masq_put_gc },
 *		{ 0 },
 *	};
 *
 *	CLEANUP(attachment_done) struct attachment at = ATTACHMENT_INIT(call, rules);
 *	CLEANUP(undo_run) struct undo undo = UNDO_INIT;
 *	...
 *	at.ipam = conf.ipam.type;
 *	r = plugin_nets_open(&at.nets, call->netns, err);
 *	...
 *	r = attachment_add_ipam(&at, &undo, &ipam, err);
 */
#ifndef PLUGIN_ATTACHMENT_H
#define PLUGIN_ATTACHMENT_H

#include "plugin/iface.h"
#include "plugin/nets.h"

struct cni_call;
struct cni_result;
struct nerr;
struct nft_batch;
struct nlsock;
struct undo;

/**
 * attachment_put - Put the removal of rules into a batch
 * @nft:	For reading
 *
 * Nothing there is success.  May be called several times, and must be right also when
 * somebody else writes meanwhile: rules go by their handles, which are never given
 * twice.
 */
typedef int attachment_put(struct cni_call *call, struct nlsock *nft, struct nft_batch *batch,
			   struct nerr *err);

/**
 * struct attachment_rules - One kind of rules that a plugin makes
 * @put_del:	Those of the call's attachment go
 * @put_gc:	Those of the call's network go whose attachment is not valid
 *
 * A plugin has an array of them, which ends with { 0 }.
 */
struct attachment_rules {
	attachment_put *put_del;
	attachment_put *put_gc;
};

/**
 * struct attachment - An ADD on its way
 * @rules:	All rules the plugin may make; ends with { 0 }
 * @ipam:	ipam.type, NULL or "" for none
 * @nets:	To be opened by the plugin
 * @link:	Of attachment_push_link()
 *
 * The steps on the undo stack use it: declare it before the stack.
 */
struct attachment {
	struct cni_call *call;
	const struct attachment_rules *rules;
	const char *ipam;
	struct plugin_nets nets;
	struct iface_undo_link link;
};

#define ATTACHMENT_INIT(call_, rules_)                                                             \
	((struct attachment){ .call = (call_), .rules = (rules_), .nets = PLUGIN_NETS_INIT })

/* Close the namespaces. For CLEANUP(). */
void attachment_done(struct attachment *at);

/**
 * attachment_push_link() - A failed ADD removes a link of the host side
 * @name:	Copied
 *
 * Once in an ADD, after the link was made.  What iface_configure() set outside of the
 * link is taken back, too.
 */
void attachment_push_link(struct attachment *at, struct undo *undo, const char *name);

/**
 * attachment_push_rules() - A failed ADD removes the attachment's rules, of all kinds
 *
 * To be pushed before the first rules are made: when it is the answer that gets lost,
 * they are there although making them has failed.
 */
void attachment_push_rules(struct attachment *at, struct undo *undo);

/**
 * attachment_add_ipam() - Addresses from the IPAM plugin, which a failed ADD releases
 * @ret:	With one address at least
 */
int attachment_add_ipam(struct attachment *at, struct undo *undo, struct cni_result *ret,
			struct nerr *err);

/* Masquerade the addresses of a result, unless ADD fails. masq is one of @at->rules. */
int attachment_add_masq(struct attachment *at, struct undo *undo, const struct cni_result *res,
			struct nerr *err);

/**
 * attachment_link - Remove what carries an attachment
 * @nets:	The container's side is open if it is there, the host's if need be
 *
 * Nothing there is success.
 */
typedef int attachment_link(struct cni_call *call, struct plugin_nets *nets, void *arg,
			    struct nerr *err);

/* As attachment_del(), for a plugin whose link needs more than to be deleted in the container. */
int attachment_del_by(struct cni_call *call, const struct attachment_rules *rules, const char *ipam,
		      attachment_link *del_link, void *arg, struct nerr *err);

/**
 * attachment_del() - DEL: rules, link, addresses, in this order
 * @rules:	As in struct attachment
 * @ipam:	ipam.type, NULL or "" for none
 *
 * The kernel frees rules after a grace period that it also waits for when a link goes:
 * in this order the waits overlap.  A part that fails does not keep the others; only
 * addresses are not released as long as the link is there, for they are free when
 * nobody can use them any more.
 *
 * Return: 0, or the first error
 */
int attachment_del(struct cni_call *call, const struct attachment_rules *rules, const char *ipam,
		   struct nerr *err);

/**
 * attachment_gc() - GC: rules, and then whatever the IPAM plugin holds
 *
 * Links are not looked for: without its namespace there is none.
 *
 * Return: 0, or the first error
 */
int attachment_gc(struct cni_call *call, const struct attachment_rules *rules, const char *ipam,
		  struct nerr *err);

#endif /* PLUGIN_ATTACHMENT_H */
