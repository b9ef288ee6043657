/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * conflist.h - network configurations: files on one side, requests on the other
 *
 * A network configuration is a list of plugins (.conflist), or one plugin (.conf,
 * .json), which is read as a list of one.  Directory order, choice of the version
 * and the text of a request are those of the reference library libcni v1.3.0, so a
 * plugin gets the same bytes from us as from any other runtime.
 */
#ifndef CNI_CONFLIST_H
#define CNI_CONFLIST_H

#include <stdbool.h>
#include <stddef.h>

struct json_object;
struct nerr;
struct strbuf;

/* Where runtimes keep their networks. */
#define CNI_CONF_DIR "/etc/cni/net.d"

/* Longest file read. */
#define CNI_CONF_LEN_MAX (1u << 20)
/* More plugins than any network has. */
#define CNI_CONF_PLUGINS_MAX 64

/**
 * struct cni_conf_plugin - One plugin of a network
 * @type:	Name of its executable
 * @name:	A name of its own, "" as a rule; only messages show it
 * @conf:	Its configuration.  Borrowed from the list
 */
struct cni_conf_plugin {
	const char *type;
	const char *name;
	struct json_object *conf;
};

/**
 * struct cni_conflist - A network
 * @name:	Obeys the rule for network names
 * @version:	Chosen from cniVersion and cniVersions: the highest that is not above
 *		CNI_VERSION_CURRENT.  "" when the configuration names none
 * @disable_check: CHECK is not to be asked
 * @disable_gc:	GC is not to be asked
 * @inlined_only: No plugins from the folder of the network's name
 * @plugins, @n_plugins: At least one
 * @text:	All of it, as it goes into the cache
 * @mem:	Owner of all that
 */
struct cni_conflist {
	const char *name;
	const char *version;
	bool disable_check;
	bool disable_gc;
	bool inlined_only;
	struct cni_conf_plugin *plugins;
	size_t n_plugins;
	const char *text;
	struct cni_conflist_mem *mem;
};

/**
 * cni_conflist_parse() - Read a configuration
 * @text, @len:	A list or a single plugin, not NUL-terminated
 * @ret:	List on 0, for cni_conflist_free()
 *
 * Return: 0, -EINVAL with a message, -ENOMEM
 */
int cni_conflist_parse(const char *text, size_t len, struct cni_conflist **ret, struct nerr *err);
void cni_conflist_free(struct cni_conflist *list);

/**
 * cni_conflist_read() - Read a configuration from a file
 *
 * Plugins in files *.conf of the folder that stands beside the file and has the
 * network's name follow those of the file, unless it says loadOnlyInlinedPlugins.
 */
int cni_conflist_read(const char *path, struct cni_conflist **ret, struct nerr *err);

/**
 * cni_conflist_find() - The network of a name in a directory
 * @dir:	CNI_CONF_DIR
 * @name:	Network
 * @ret:	List on 0
 *
 * First the lists (.conflist) in the order of their names, then single plugins
 * (.conf, .json).  A file that cannot be read is passed over; the first such is
 * named when the network is not found.
 *
 * Return: 0, -ENOENT, another errno
 */
int cni_conflist_find(const char *dir, const char *name, struct cni_conflist **ret,
		      struct nerr *err);

/* Some plugin (@i only, if not negative) declares the capability. */
bool cni_conflist_can(const struct cni_conflist *list, int i, const char *capability);

/**
 * struct cni_capability - What a runtime has to say about a capability
 * @name:	"portMappings"
 * @json:	Value
 */
struct cni_capability {
	const char *name;
	const char *json;
};

/**
 * struct cni_request - What a request has besides the plugin's configuration
 * @prev_result: JSON of prevResult, NULL for none
 * @caps, @n_caps: Go into runtimeConfig, as far as the plugin declares them
 * @valid:	JSON of the list of valid attachments, NULL for none
 */
struct cni_request {
	const char *prev_result;
	const struct cni_capability *caps;
	size_t n_caps;
	const char *valid;
};

/**
 * cni_conflist_request() - Standard input of a plugin
 * @i:		Index of the plugin
 * @req:	What is added to its configuration
 * @ret:	Text is appended
 *
 * Name and version of the list replace the plugin's own.  Keys are in order, the
 * text is compact.
 */
int cni_conflist_request(const struct cni_conflist *list, size_t i, const struct cni_request *req,
			 struct strbuf *ret, struct nerr *err);

#endif /* CNI_CONFLIST_H */
