/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * cni_priv.h - the steps of cni_main(), for lib/cni and its tests alone
 *
 * In the order in which they run: the variables (env.c), the configuration
 * (request.c), the handler (main.c), the answer (result_print.c, error_print.c).
 */
#ifndef CNI_CNI_PRIV_H
#define CNI_CNI_PRIV_H

#include <stdbool.h>
#include <stddef.h>

#include "cni/cni.h"

struct arena;
struct nerr;
struct strbuf;

/* --- env.c --- */

/**
 * cni_env_read() - Read and check the variables
 * @call:	Its variables are filled, "" for those not given; the verb only when
 *		it is known
 * @ret_known:	CNI_COMMAND is a verb of the specification.  An unknown one is an
 *		error only after the configuration has been read
 *
 * Texts are borrowed from the environment.  Errors carry CNI_INVALID_ENV.
 */
int cni_env_read(struct cni_call *call, bool *ret_known, struct nerr *err);

/* CNI_NETNS_OVERRIDE: the plugin may work on its own namespace. */
bool cni_env_netns_override(void);

/* "" when the variable is not set. */
const char *cni_env_get(const char *name);

/* "ADD" ... */
const char *cni_verb_str(enum cni_verb verb);

/* Rule for container ids and network names. */
bool cni_name_is_valid(const char *name);
/* Rule for interface names.  -EINVAL with CNI_INVALID_ENV. */
int cni_ifname_check(const char *name, struct nerr *err);

/* --- request.c --- */

/* Parse call->text: call->doc (freed by the caller) and call->net_name. */
int cni_request_parse(struct cni_call *call, struct nerr *err);
/* call->version, and whether call->plugin serves the verb in that version. */
int cni_request_version(struct cni_call *call, struct nerr *err);
/* The second half of it, for a call whose version is known. */
int cni_request_check_version(const struct cni_call *call, struct nerr *err);
/**
 * cni_request_inputs() - prevResult and the list of valid attachments
 *
 * DEL goes on without a prevResult that cannot be read: a runtime repeats a
 * failed DEL for ever.  call->valid stays NULL when there is no list.
 */
int cni_request_inputs(struct cni_call *call, struct nerr *err);

/* --- main.c --- */

/* The plugin of that name, or NULL. */
const struct cni_plugin *cni_plugin_find(const struct cni_plugin *const *registry,
					 const char *name);
/* Call the handler of call->verb.  GC without a list is 0 at once. */
int cni_dispatch(struct cni_call *call, struct nerr *err);

/* --- result.c --- */

/* Deep copy into @arena. */
int cni_result_copy(struct cni_result *dst, const struct cni_result *src, struct arena *arena,
		    struct nerr *err);

/* --- error_print.c --- */

/* Text of the error object, and the error that such a text describes. */
void cni_error_print(const struct nerr *err, struct strbuf *ret);
/* @ret is filled on 0; -EINVAL when @text is no error object, @why says why not. */
int cni_error_read(const char *text, size_t len, struct nerr *ret, struct nerr *why);

/* --- quote.c --- */

/* @s as Go's %q prints it, in double quotes. */
void cni_quote(struct strbuf *ret, const char *s);

#endif /* CNI_CNI_PRIV_H */
