/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * cni.h - the plugin's side of the Container Network Interface protocol
 *
 * cni_main() plays the protocol: it reads the environment and standard input,
 * checks them in the order the reference skeleton does, calls the plugin's
 * handler, and prints the result or the error object.  A handler sees a struct
 * cni_call and answers with 0 or a negative errno and a message.
 *
 * Source: CNI specification 1.1.0; messages and order as the reference suite
 * containernetworking/plugins v1.9.1 has them.
 */
#ifndef CNI_CNI_H
#define CNI_CNI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/json_table.h"
#include "cni/result.h"

struct nerr;
struct cni_call;

/* Error codes of the specification (struct nerr.num). */
enum cni_code {
	CNI_INCOMPATIBLE_VERSION = 1,
	CNI_UNSUPPORTED_FIELD = 2,
	CNI_UNKNOWN_CONTAINER = 3,
	CNI_INVALID_ENV = 4,
	CNI_IO_FAILURE = 5,
	CNI_DECODE_FAILURE = 6,
	CNI_INVALID_CONFIG = 7,
	CNI_INVALID_NETNS = 8,
	CNI_TRY_AGAIN = 11,
	CNI_NOT_AVAILABLE = 50,
	CNI_LIMITED_CONNECTIVITY = 51,
	CNI_INTERNAL = 999,
};

enum cni_verb {
	CNI_ADD,
	CNI_DEL,
	CNI_CHECK,
	CNI_GC,
	CNI_STATUS,
	CNI_VERSION,
};

typedef int cni_handler(struct cni_call *call, struct nerr *err);

/**
 * struct cni_plugin - A plugin
 * @name:	Name of its executable: "bridge"
 * @versions:	Protocol versions it serves, oldest first, ends with NULL
 * @add:	Leaves its answer in call->result.  All or nothing: after a failure
 *		nothing of it is left
 * @del:	Succeeds whatever is missing
 * @check:	Compares what add made
 * @gc:		Removes what belongs to this network and to none of call->valid.
 *		Not called when the request has no list of valid attachments
 * @status:	0 when add could work
 *
 * Every handler is there; one with nothing to do returns 0.
 */
struct cni_plugin {
	const char *name;
	const char *const *versions;
	cni_handler *add;
	cni_handler *del;
	cni_handler *check;
	cni_handler *gc;
	cni_handler *status;
};

/* 0.1.0 to 1.1.0; what most plugins serve. */
extern const char *const cni_versions_all[];
/* 0.4.0 1.0.0 1.1.0 */
extern const char *const cni_versions_since_0_4_0[];

/* An attachment that a GC request names as valid. */
struct cni_attachment {
	const char *container_id;
	const char *ifname;
};

/**
 * struct cni_call - One call of a plugin
 * @verb:	What is asked
 * @container_id, @netns, @ifname, @args, @path: The variables CNI_CONTAINERID ...;
 *		"" when not given.  Under ADD, DEL and CHECK the id and the interface
 *		name are well formed
 * @version:	cniVersion of the configuration
 * @net_name:	Name of the network
 * @doc:	The configuration, for json_read()
 * @text, @text_len: The configuration as it came, for a delegate
 * @plugin:	Who is called
 * @registry:	All plugins of this executable, ends with NULL; NULL when there
 *		are no others
 * @prev:	prevResult, NULL when there is none
 * @valid, @n_valid: Under GC, attachments of this network that stay; see cni_is_valid()
 * @result:	Answer of ADD, empty at first.  Its memory is @doc's arena
 */
struct cni_call {
	enum cni_verb verb;
	const char *container_id;
	const char *netns;
	const char *ifname;
	const char *args;
	const char *path;
	const char *version;
	const char *net_name;
	struct json_doc *doc;
	const char *text;
	size_t text_len;
	const struct cni_plugin *plugin;
	const struct cni_plugin *const *registry;
	struct cni_result *prev;
	const struct cni_attachment *valid;
	size_t n_valid;
	struct cni_result result;
};

/**
 * cni_main() - Play the protocol once
 * @registry:	All plugins of the executable, ends with NULL
 * @name:	Name it was called by; its directory part is ignored
 *
 * Return: exit status
 */
int cni_main(const struct cni_plugin *const *registry, const char *name);

/* True when (id, ifname) is one of the call's valid attachments. */
bool cni_is_valid(const struct cni_call *call, const char *container_id, const char *ifname);

/* --- CNI_ARGS --- */

/**
 * struct cni_arg - A key of CNI_ARGS that a plugin reads
 * @key:	"MAC"
 * @value:	Set to the value; borrowed from the arena of the call
 */
struct cni_arg {
	const char *key;
	const char **value;
};

/**
 * cni_args_parse() - Read CNI_ARGS
 * @known:	Keys read, ends with { 0 }; keys are case-sensitive
 *
 * "IgnoreUnknown" is always known.  Any other key is an error unless it is set.
 */
int cni_args_parse(struct cni_call *call, const struct cni_arg *known, struct nerr *err);

/* --- IPAM delegation --- */

/**
 * cni_ipam_add() - Ask the IPAM plugin of the configuration for addresses
 * @type:	ipam.type
 * @ret:	Its answer; memory is the call's arena
 *
 * A type that CNI_PATH resolves to this very executable is called in this
 * process, any other is executed.  On failure nothing of it is left: an executed
 * plugin has been told DEL, as the specification asks; one of ours undoes its own.
 *
 * Of the other verbs, GC succeeds when the plugin does not know it.
 */
int cni_ipam_add(struct cni_call *call, const char *type, struct cni_result *ret, struct nerr *err);
int cni_ipam_del(struct cni_call *call, const char *type, struct nerr *err);
int cni_ipam_check(struct cni_call *call, const char *type, struct nerr *err);
int cni_ipam_gc(struct cni_call *call, const char *type, struct nerr *err);
int cni_ipam_status(struct cni_call *call, const char *type, struct nerr *err);

#endif /* CNI_CNI_H */
