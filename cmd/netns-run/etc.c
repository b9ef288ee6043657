/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "etc.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fd.h"
#include "base/ipaddr.h"
#include "base/log.h"
#include "opts.h"
#include "state.h"

/* systemd-resolved puts itself into /etc/resolv.conf and the real servers here. */
#define RESOLVED_CONF "/run/systemd/resolve/resolv.conf"

#define FILE_LEN_MAX  (1u << 20)

#define BLANK         " \t\r"

DEFINE_CLEANUP(struct json_doc *, json_doc_free);

int etc_check_dns(const struct opt_list *dns, struct nerr *err)
{
	struct ipaddr ip;

	for (size_t i = 0; i < dns->n; i++)
		if (ipaddr_from_str(dns->v[i], &ip) < 0)
			return nerr_set(err, -EINVAL, "option '--dns': invalid IP address '%s'",
					dns->v[i]);
	return 0;
}

/* --- files of the host --- */

/* A file that is not there is empty. */
static int read_host_file(const char *path, struct strbuf *ret, struct nerr *err)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	int r;

	if (fd < 0)
		return 0;
	r = fd_read_all(fd, FILE_LEN_MAX, ret);
	return r < 0 ? nerr_set(err, r, "cannot read '%s': %m", path) : 0;
}

/* The next line of @text, without its end; NULL when there is none. */
static const char *next_line(const char **text, size_t *ret_len)
{
	const char *line = *text;

	if (!*line)
		return NULL;
	*ret_len = strcspn(line, "\n");
	*text = line + *ret_len + (line[*ret_len] == '\n');
	return line;
}

/* Word @n of a line, counted from 0, into @buf; "" when there is none or it is longer. */
static const char *word(const char *line, size_t len, unsigned n, char *buf, size_t size)
{
	const char *end = line + len;

	for (;;) {
		size_t skip = strspn(line, BLANK);
		size_t w;

		line = skip < (size_t)(end - line) ? line + skip : end;
		w = strcspn(line, BLANK "\n");
		if (w > (size_t)(end - line))
			w = (size_t)(end - line);
		if (!n || !w) {
			if (w >= size)
				w = 0;
			memcpy(buf, line, w);
			buf[w] = '\0';
			return buf;
		}
		line += w;
		n--;
	}
}

/* --- resolv.conf --- */

/* A server that can be reached from another namespace. */
static bool is_reachable(const char *server)
{
	struct ipaddr ip;

	return ipaddr_from_str(server, &ip) == 0 && !ipaddr_is_loopback(&ip) &&
	       !ipaddr_is_unspecified(&ip) && !ipaddr_is_link_local(&ip);
}

/* Lines of the host's file that hold here. Return: number of name servers. */
static size_t filter_resolv_conf(const char *text, bool servers, struct strbuf *ret)
{
	const char *line;
	size_t n = 0;
	size_t len;

	while ((line = next_line(&text, &len))) {
		char key[16];
		char server[64];

		(void)word(line, len, 0, key, sizeof(key)); /* the result is key */
		if (strcmp(key, "nameserver") == 0) {
			if (!servers || !is_reachable(word(line, len, 1, server, sizeof(server))))
				continue;
			strbuf_addf(ret, "nameserver %s\n", server);
			n++;
		} else if (strcmp(key, "search") == 0 || strcmp(key, "domain") == 0 ||
			   strcmp(key, "options") == 0) {
			strbuf_add_mem(ret, line, len);
			strbuf_add(ret, "\n");
		}
	}
	return n;
}

static int print_host_dns(bool servers, struct strbuf *ret, struct nerr *err)
{
	static const char *const paths[] = { "/etc/resolv.conf", RESOLVED_CONF };

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		CLEANUP(strbuf_done) struct strbuf text = STRBUF_INIT;
		CLEANUP(strbuf_done) struct strbuf lines = STRBUF_INIT;
		size_t n;
		int r;

		r = read_host_file(paths[i], &text, err);
		if (r < 0)
			return r;
		n = filter_resolv_conf(strbuf_text(&text), servers, &lines);
		if (n || !servers || i + 1 == ARRAY_SIZE(paths)) {
			strbuf_add(ret, strbuf_text(&lines));
			if (servers && !n)
				log_info(
					"no name server of the host can be used from a namespace; give --dns");
			return 0;
		}
	}
	return 0;
}

/* What a plugin answers is put into a file line by line: it must be one word. */
static bool is_word(const char *s)
{
	for (const char *p = s; *p; p++)
		if ((unsigned char)*p <= ' ' || *p == 0x7f)
			return false;
	return *s != '\0';
}

static void print_words(const char *key, const struct json_strings *words, struct strbuf *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < words->n; i++)
		if (is_word(words->v[i]))
			strbuf_addf(ret, "%s%s", n++ ? " " : key, words->v[i]);
	if (n)
		strbuf_add(ret, "\n");
}

static void print_dns(const struct cni_dns *dns, struct strbuf *ret)
{
	for (size_t i = 0; i < dns->nameservers.n; i++)
		if (is_word(dns->nameservers.v[i]))
			strbuf_addf(ret, "nameserver %s\n", dns->nameservers.v[i]);
	if (dns->domain && is_word(dns->domain))
		strbuf_addf(ret, "domain %s\n", dns->domain);
	print_words("search ", &dns->search, ret);
	print_words("options ", &dns->options, ret);
}

/* 1 when a network has name servers of its own. */
static int print_network_dns(const struct session *s, struct strbuf *ret, struct nerr *err)
{
	for (size_t i = 0; i < s->n_nets; i++) {
		CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
		struct cni_result res;
		int r;

		r = cni_runtime_result(s->nets[i].list, s->nets[i].result, &doc, &res, err);
		if (r < 0)
			return r;
		if (!res.dns.nameservers.n)
			continue;
		print_dns(&res.dns, ret);
		return 1;
	}
	return 0;
}

int etc_print_resolv_conf(const struct session *s, const struct opt_list *dns, struct strbuf *ret,
			  struct nerr *err)
{
	int r = 0;

	for (size_t i = 0; i < dns->n; i++)
		strbuf_addf(ret, "nameserver %s\n", dns->v[i]);
	if (!dns->n)
		r = print_network_dns(s, ret, err);
	if (r == 0)
		r = print_host_dns(!dns->n, ret, err);
	if (r < 0)
		return r;
	return ret->failed ? nerr_oom(err) : 0;
}

/* --- hosts --- */

/* "name hostname", once where they are the same. */
static void print_names(const struct session *s, struct strbuf *ret)
{
	char host[256] = "";

	if (!*s->hostname && gethostname(host, sizeof(host) - 1) < 0)
		host[0] = '\0';
	if (*s->hostname)
		strbuf_addf(ret, " %s", s->hostname);
	if (strcmp(s->name, s->hostname) != 0)
		strbuf_addf(ret, " %s", s->name);
	if (is_word(host) && strcmp(host, s->name) != 0)
		strbuf_addf(ret, " %s", host);
	strbuf_add(ret, "\n");
}

static int print_addresses(const struct session *s, struct strbuf *ret, struct nerr *err)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n_nets; i++) {
		CLEANUP(json_doc_freep) struct json_doc *doc = NULL;
		struct cni_result res;
		int r;

		r = cni_runtime_result(s->nets[i].list, s->nets[i].result, &doc, &res, err);
		if (r < 0)
			return r;
		for (size_t k = 0; k < res.n_ips; k++, n++) {
			char ip[IPADDR_STR_LEN];

			strbuf_add(ret, ipaddr_to_str(&res.ips[k].address.addr, ip));
			print_names(s, ret);
		}
	}
	if (!n) {
		strbuf_add(ret, "127.0.0.1");
		print_names(s, ret);
	}
	return 0;
}

int etc_print_hosts(const struct session *s, struct strbuf *ret, struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf host = STRBUF_INIT;
	const char *text;
	const char *line;
	size_t len;
	int r;

	strbuf_add(ret, "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n");
	r = print_addresses(s, ret, err);
	if (r == 0)
		r = read_host_file("/etc/hosts", &host, err);
	if (r < 0)
		return r;
	text = strbuf_text(&host);
	while ((line = next_line(&text, &len))) {
		char first[64];
		struct ipaddr ip;

		if (ipaddr_from_str(word(line, len, 0, first, sizeof(first)), &ip) < 0 ||
		    ipaddr_is_loopback(&ip))
			continue;
		strbuf_add_mem(ret, line, len);
		strbuf_add(ret, "\n");
	}
	return ret->failed ? nerr_oom(err) : 0;
}

int etc_write(const struct session *s, const struct state *st, const struct opt_list *dns,
	      struct nerr *err)
{
	CLEANUP(strbuf_done) struct strbuf resolv = STRBUF_INIT;
	CLEANUP(strbuf_done) struct strbuf hosts = STRBUF_INIT;
	int r;

	r = etc_print_resolv_conf(s, dns, &resolv, err);
	if (r == 0)
		r = etc_print_hosts(s, &hosts, err);
	if (r == 0)
		r = state_write_file(st, "resolv.conf", strbuf_text(&resolv), resolv.len, err);
	if (r == 0)
		r = state_write_file(st, "hosts", strbuf_text(&hosts), hosts.len, err);
	return r;
}
