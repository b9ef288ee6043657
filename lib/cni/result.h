/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * result.h - what a plugin answers: interfaces, addresses, routes, DNS
 *
 * In memory a result has one shape, that of version 1.1.0.  Reading and printing
 * convert from and to every version from 0.1.0.
 */
#ifndef CNI_RESULT_H
#define CNI_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/ipaddr.h"
#include "base/json_table.h"

struct arena;
struct nerr;
struct strbuf;

#define CNI_NO_INTERFACE (-1)

/* Texts are "" when not given; cni_result_read() leaves none NULL, a plugin may. */
struct cni_interface {
	const char *name;
	const char *mac;
	int64_t mtu;
	const char *sandbox;
	const char *socket_path;
	const char *pci_id;
};

/* @interface: index into the result's interfaces, or CNI_NO_INTERFACE. */
struct cni_ip {
	int64_t interface;
	struct ipnet address;
	struct ipaddr gateway;
};

struct cni_route {
	struct ipnet dst;
	struct ipaddr gw;
	int64_t mtu;
	int64_t advmss;
	int64_t priority;
	int64_t table;
	int64_t scope;
	bool has_table;
	bool has_scope;
};

struct cni_dns {
	struct json_strings nameservers;
	const char *domain;
	struct json_strings search;
	struct json_strings options;
};

struct cni_result {
	struct cni_interface *interfaces;
	size_t n_interfaces;
	struct cni_ip *ips;
	size_t n_ips;
	struct cni_route *routes;
	size_t n_routes;
	struct cni_dns dns;
};

/* Tables for json_read(), of the 1.x shape: "dns" and "routes" of a configuration too. */
extern const struct json_field cni_dns_fields[];
extern const struct json_field cni_route_fields[];

/* Room for one more, zeroed (interface of an ip: CNI_NO_INTERFACE); NULL on OOM. */
struct cni_interface *cni_result_add_interface(struct cni_result *res, struct arena *arena);
struct cni_ip *cni_result_add_ip(struct cni_result *res, struct arena *arena);
struct cni_route *cni_result_add_route(struct cni_result *res, struct arena *arena);
/* Any field set; an empty array that was given counts. */
bool cni_dns_is_set(const struct cni_dns *dns);

/**
 * cni_result_read() - Read a result object
 * @doc:	Document that holds it; its arena receives the values
 * @obj:	The object
 * @version:	Version of the configuration; decides the family of shapes
 * @ret:	Filled on 0
 *
 * The object's own cniVersion, where it has one, must belong to the same family.
 * Messages are those of the reference suite; cni_main() puts "could not parse
 * prevResult: " before them.
 *
 * The interface of an ip may point beyond the interfaces (IPAM plugins exist that
 * answer so): use cni_ip_interface().
 */
int cni_result_read(struct json_doc *doc, struct json_object *obj, const char *version,
		    struct cni_result *ret, struct nerr *err);

/* The interface an address belongs to; NULL for none, also when the index is out of range. */
const struct cni_interface *cni_ip_interface(const struct cni_result *res, const struct cni_ip *ip);

/**
 * cni_result_print() - Text of a result
 * @version:	Shape to print
 * @indent:	Spaces per level; the reference prints 4
 * @ret:	Text is appended
 *
 * Return: 0; -EINVAL when the version cannot carry it (0.1.0 and 0.2.0 without an
 *         address); -ENOMEM
 */
int cni_result_print(const struct cni_result *res, const char *version, unsigned indent,
		     struct strbuf *ret, struct nerr *err);

#endif /* CNI_RESULT_H */
