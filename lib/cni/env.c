/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The variables of a call.  Order and words are those of the reference suite's
 * skeleton, because they decide which of several errors a runtime sees.
 */
#include <net/if.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "cni/cni_priv.h"

#define VERB(v)          (1u << (v))
#define ATTACHMENT_VERBS (VERB(CNI_ADD) | VERB(CNI_CHECK) | VERB(CNI_DEL))
#define ALL_BUT_VERSION  (ATTACHMENT_VERBS | VERB(CNI_GC) | VERB(CNI_STATUS))

static const char *const verbs[] = {
	[CNI_ADD] = "ADD", [CNI_DEL] = "DEL",       [CNI_CHECK] = "CHECK",
	[CNI_GC] = "GC",   [CNI_STATUS] = "STATUS", [CNI_VERSION] = "VERSION",
};

const char *cni_verb_str(enum cni_verb verb)
{
	return verbs[verb];
}

const char *cni_env_get(const char *name)
{
	const char *value = getenv(name);

	return value ? value : "";
}

bool cni_env_netns_override(void)
{
	const char *value = cni_env_get("CNI_NETNS_OVERRIDE");

	return strcmp(value, "1") == 0 || str_eq_nocase(value, "true");
}

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool cni_name_is_valid(const char *name)
{
	if (!is_alnum(name[0]))
		return false;
	for (const char *p = name; *p; p++)
		if (!is_alnum(*p) && !strchr("_.-", *p))
			return false;
	return true;
}

static int check_container_id(const char *id, struct nerr *err)
{
	if (cni_name_is_valid(id))
		return 0;
	(void)nerr_num(err, -EINVAL, CNI_INVALID_ENV, "invalid characters in containerID");
	return nerr_details(err, "%s", id);
}

int cni_ifname_check(const char *name, struct nerr *err)
{
	/* What separates words in Unicode, in UTF-8.  None of these can begin in the
	 * middle of another character, so a search for bytes finds characters.
	 */
	/* clang-format off */
	static const char *const spaces[] = {
		"\xc2\x85",     "\xc2\xa0",     "\xe1\x9a\x80", "\xe2\x80\x80", "\xe2\x80\x81",
		"\xe2\x80\x82", "\xe2\x80\x83", "\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86",
		"\xe2\x80\x87", "\xe2\x80\x88", "\xe2\x80\x89", "\xe2\x80\x8a", "\xe2\x80\xa8",
		"\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f", "\xe3\x80\x80",
	};
	/* clang-format on */
	bool refused = strpbrk(name, "/: \t\n\v\f\r") != NULL;

	if (strlen(name) >= IFNAMSIZ) {
		(void)nerr_num(err, -EINVAL, CNI_INVALID_ENV, "interface name is too long");
		return nerr_details(err, "interface name should be less than %d characters",
				    IFNAMSIZ);
	}
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return nerr_num(err, -EINVAL, CNI_INVALID_ENV, "interface name is . or ..");
	for (size_t i = 0; i < ARRAY_SIZE(spaces); i++)
		refused |= strstr(name, spaces[i]) != NULL;
	if (refused)
		return nerr_num(err, -EINVAL, CNI_INVALID_ENV,
				"interface name contains / or : or whitespace characters");
	return 0;
}

/* In the order in which they are checked and reported. */
static const struct variable {
	const char *name;
	unsigned required;
	size_t offset;
	int (*check)(const char *value, struct nerr *err);
} variables[] = {
	{ "CNI_CONTAINERID", ATTACHMENT_VERBS, offsetof(struct cni_call, container_id),
	  check_container_id },
	{ "CNI_NETNS", VERB(CNI_ADD) | VERB(CNI_CHECK), offsetof(struct cni_call, netns), NULL },
	{ "CNI_IFNAME", ATTACHMENT_VERBS, offsetof(struct cni_call, ifname), cni_ifname_check },
	{ "CNI_ARGS", 0, offsetof(struct cni_call, args), NULL },
	{ "CNI_PATH", ALL_BUT_VERSION, offsetof(struct cni_call, path), NULL },
};

/* The variables as they are: nothing is checked yet. */
static unsigned read_variables(struct cni_call *call)
{
	const char *command = cni_env_get("CNI_COMMAND");

	for (size_t i = 0; i < ARRAY_SIZE(variables); i++)
		*(const char **)((char *)call + variables[i].offset) =
			cni_env_get(variables[i].name);
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++) {
		if (strcmp(verbs[i], command) == 0) {
			call->verb = (enum cni_verb)i;
			return VERB(i);
		}
	}
	return 0;
}

int cni_env_read(struct cni_call *call, bool *ret_known, struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf missing = STRBUF_INIT;
	const unsigned verb = read_variables(call);

	if (!*cni_env_get("CNI_COMMAND"))
		strbuf_add(&missing, "CNI_COMMAND");
	for (size_t i = 0; i < ARRAY_SIZE(variables); i++) {
		const struct variable *v = &variables[i];
		const char *value = *(const char **)((char *)call + v->offset);
		int r;

		if (!(v->required & verb))
			continue;
		if (!*value) {
			strbuf_addf(&missing, "%s%s", missing.len ? "," : "", v->name);
			continue;
		}
		r = v->check ? v->check(value, err) : 0;
		if (r < 0)
			return r;
	}
	if (missing.len)
		return nerr_num(err, -EINVAL, CNI_INVALID_ENV,
				"required env variables [%s] missing", strbuf_text(&missing));
	*ret_known = verb != 0;
	return 0;
}
