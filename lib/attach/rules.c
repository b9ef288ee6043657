/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The table.  What makes it look as it does:
 *
 *	- libseccomp takes one condition for an argument in a rule, and of the comparisons of masked
 *	  values only "equal".  "Neither of two" is therefore several rules, each of which
 *	  differs from them in another bit.
 *	- A container's profile has most of these calls in a list of what is allowed without
 *	  conditions, and such a rule would win over ours (oci/merge.h takes them out).  So what is
 *	  not notified of a call of which something is, is allowed here in so many words.
 *	- The upper half of a register with an int in it is the program's to fill, and
 *	  ignored by the kernel: it is masked here, too.
 */
#include "attach/rules.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>

#include <linux/sockios.h>

#include "base/cleanup.h"

#define HYBRID (1 << ATTACH_HYBRID)
#define FULL   (1 << ATTACH_FULL)
#define BOTH   (HYBRID | FULL)

/* Of linux/socket.h. */
#define FAMILY_INET   2
#define FAMILY_INET6  10
#define FAMILY_SMC    43
#define TYPE_STREAM   1
#define TYPE_DGRAM    2
#define FLAG_OOB      0x1
#define FLAG_ERRQUEUE 0x2000
#define FLAG_FASTOPEN 0x20000000

#define BITS(arg_, mask_, value_)                                                                  \
	{                                                                                          \
		.arg = (arg_), .mask = (mask_), .value = (value_)                                  \
	}
#define IS_NULL(arg_) BITS(arg_, UINT64_MAX, 0)
#define NOT_NULL(arg_)                                                                             \
	{                                                                                          \
		.arg = (arg_), .is_not = true, .mask = UINT64_MAX, .value = 0                      \
	}

/* AF_INET and AF_INET6 differ in one bit: one condition is for both. */
#define FAMILY_BITS (UINT32_MAX & ~(FAMILY_INET ^ FAMILY_INET6))
#define IS_INET     BITS(0, FAMILY_BITS, FAMILY_INET)
#define TYPE_BITS   0xf /* the rest are SOCK_CLOEXEC and SOCK_NONBLOCK */

#define ALWAYS(call_, modes_)                                                                      \
	{                                                                                          \
		.call = (call_), .action = ATTACH_NOTIFY, .modes = (modes_)                        \
	}
#define IF(action_, call_, modes_, cond_)                                                          \
	{                                                                                          \
		.call = (call_), .action = (action_), .modes = (modes_), .n_conds = 1, .cond = {   \
			cond_                                                                      \
		}                                                                                  \
	}
#define IF2(action_, call_, modes_, cond_, cond2_)                                                 \
	{                                                                                          \
		.call = (call_), .action = (action_), .modes = (modes_), .n_conds = 2, .cond = {   \
			cond_,                                                                     \
			cond2_                                                                     \
		}                                                                                  \
	}

/* Other families: those that differ from AF_INET and AF_INET6 in bit 0, else in bit 1 ... */
#define OTHER_FAMILY(mask_, value_) IF(ATTACH_ALLOW, "socket", BOTH, BITS(0, mask_, value_))
#define OTHER_TYPE(mask_, value_)   IF2(ATTACH_ALLOW, "socket", BOTH, IS_INET, BITS(1, mask_, value_))

/* With flags in argument @arg_, or without. */
#define FLAGGED(call_, modes_, arg_, flag_)                                                        \
	IF(ATTACH_NOTIFY, call_, modes_, BITS(arg_, flag_, flag_)),                                \
		IF(ATTACH_ALLOW, call_, modes_, BITS(arg_, flag_, 0))

/* Commands of ioctl() that are equal to @cmd_ above bit @bit_, and not in that. */
#define CMD_BITS 0xffff
#define OTHER_CMD(cmd_, bit_)                                                                      \
	IF(ATTACH_ALLOW, "ioctl", BOTH,                                                            \
	   BITS(1, CMD_BITS &(CMD_BITS << (bit_)),                                                 \
		((cmd_) ^ (1 << (bit_))) & CMD_BITS & (CMD_BITS << (bit_))))
#define OTHER_CMDS_ABOVE_6(cmd_)                                                                   \
	OTHER_CMD(cmd_, 14), OTHER_CMD(cmd_, 13), OTHER_CMD(cmd_, 12), OTHER_CMD(cmd_, 11),        \
		OTHER_CMD(cmd_, 10), OTHER_CMD(cmd_, 9), OTHER_CMD(cmd_, 8), OTHER_CMD(cmd_, 7)
#define OTHER_CMDS_BELOW_6(cmd_)                                                                   \
	OTHER_CMD(cmd_, 5), OTHER_CMD(cmd_, 4), OTHER_CMD(cmd_, 3), OTHER_CMD(cmd_, 2),            \
		OTHER_CMD(cmd_, 1), OTHER_CMD(cmd_, 0)

/* SIOCGIFADDR and its like are among sixteen, all of which are notified; the rest of those that
 * differ from SIOCOUTQNSD in bit 6 are not.
 */
#define IFADDR_BITS 0xfff0
#define IFADDR_CMDS 0x8910

static_assert((FAMILY_INET & 7) == 2 && FAMILY_INET6 == (FAMILY_INET | 8),
	      "rules of other families are made for these");
static_assert((SIOCOUTQ ^ SIOCOUTQNSD) & 0x8000, "bit 15 tells the two apart");
static_assert((SIOCOUTQNSD & 0xffc0) == 0x8940,
	      "bit 6 is clear in IFADDR_CMDS and in those around them alone");
static_assert((SIOCGIFADDR & IFADDR_BITS) == IFADDR_CMDS &&
		      (SIOCGIFNETMASK & IFADDR_BITS) == IFADDR_CMDS,
	      "addresses of interfaces are among IFADDR_CMDS");

static const struct attach_rule rules[] = {
	/* TCP; its protocol (IPPROTO_MPTCP, SCTP) is looked at by whom it is notified to. */
	IF2(ATTACH_NOTIFY, "socket", BOTH, IS_INET, BITS(1, TYPE_BITS, TYPE_STREAM)),
	IF2(ATTACH_NOTIFY, "socket", FULL, IS_INET, BITS(1, TYPE_BITS, TYPE_DGRAM)),
	IF2(ATTACH_ALLOW, "socket", HYBRID, IS_INET, BITS(1, TYPE_BITS, TYPE_DGRAM)),
	OTHER_TYPE(TYPE_BITS, 0),
	OTHER_TYPE(TYPE_BITS, 3),
	OTHER_TYPE(0xc, 0x4),
	OTHER_TYPE(0xc, 0x8),
	OTHER_TYPE(0xc, 0xc),
	/* All below 64 but AF_VSOCK, 40 (with 56 nobody has): profiles of containers let that one
	 * through by a rule of its own, or not at all, as it leads out of the container.
	 */
	OTHER_FAMILY(0x03, 0x01),
	OTHER_FAMILY(0x07, 0x07),
	OTHER_FAMILY(0x0f, 0x03),
	OTHER_FAMILY(0x1f, 0x1b),
	OTHER_FAMILY(0x3f, 0x0b),
	/* TCP of the kernel by another name: as on a kernel without it. */
	{ .call = "socket",
	  .action = ATTACH_ERRNO,
	  .error = EAFNOSUPPORT,
	  .modes = BOTH,
	  .n_conds = 1,
	  .cond = { BITS(0, 0x3f, FAMILY_SMC) } },
	OTHER_FAMILY(0x0b, 0x00),
	OTHER_FAMILY(0x2b, 0x08),
	OTHER_FAMILY(0x2f, 0x2c),
	OTHER_FAMILY(0x07, 0x06),
	OTHER_FAMILY(0x17, 0x12),
	OTHER_FAMILY(0x37, 0x22),

	/* Whose descriptor it is cannot be seen by a filter: we let through what is not ours. */
	ALWAYS("bind", BOTH),
	ALWAYS("listen", BOTH),
	ALWAYS("connect", BOTH),
	ALWAYS("accept", BOTH),
	ALWAYS("accept4", BOTH),
	ALWAYS("getsockname", BOTH),
	ALWAYS("getpeername", BOTH),
	ALWAYS("setsockopt", BOTH),
	ALWAYS("getsockopt", BOTH),
	ALWAYS("shutdown", BOTH),

	/* Data goes by itself, but for addresses, and flags that mean something else to AF_UNIX: it
	 * would give away the stream's bytes for what waits in an error queue.  Urgent bytes are
	 * announced to the pump (pump_urgent()).
	 */
	IF(ATTACH_NOTIFY, "sendto", BOTH, NOT_NULL(4)),
	IF2(ATTACH_NOTIFY, "sendto", BOTH, BITS(3, FLAG_FASTOPEN, FLAG_FASTOPEN), IS_NULL(4)),
	IF2(ATTACH_NOTIFY, "sendto", BOTH, BITS(3, FLAG_FASTOPEN | FLAG_OOB, FLAG_OOB), IS_NULL(4)),
	IF2(ATTACH_ALLOW, "sendto", BOTH, BITS(3, FLAG_FASTOPEN | FLAG_OOB, 0), IS_NULL(4)),
	IF(ATTACH_NOTIFY, "recvfrom", BOTH, NOT_NULL(4)),
	IF2(ATTACH_NOTIFY, "recvfrom", BOTH, BITS(3, FLAG_ERRQUEUE, FLAG_ERRQUEUE), IS_NULL(4)),
	IF2(ATTACH_ALLOW, "recvfrom", BOTH, BITS(3, FLAG_ERRQUEUE, 0), IS_NULL(4)),
	IF(ATTACH_NOTIFY, "sendmsg", HYBRID, BITS(2, FLAG_FASTOPEN, FLAG_FASTOPEN)),
	IF(ATTACH_NOTIFY, "sendmsg", HYBRID, BITS(2, FLAG_FASTOPEN | FLAG_OOB, FLAG_OOB)),
	IF(ATTACH_ALLOW, "sendmsg", HYBRID, BITS(2, FLAG_FASTOPEN | FLAG_OOB, 0)),
	FLAGGED("recvmsg", HYBRID, 2, FLAG_ERRQUEUE),
	/* Datagrams have names and control messages. */
	ALWAYS("sendmsg", FULL),
	ALWAYS("recvmsg", FULL),
	ALWAYS("sendmmsg", FULL),
	ALWAYS("recvmmsg", FULL),

	/* The lower half of the command: its upper one (sizes, directions) is 0 in these, and
	 * for what differs only there we let the kernel do it.
	 */
	IF(ATTACH_NOTIFY, "ioctl", BOTH, BITS(1, CMD_BITS, SIOCOUTQ)),
	IF(ATTACH_NOTIFY, "ioctl", BOTH, BITS(1, CMD_BITS, SIOCOUTQNSD)),
	IF(ATTACH_NOTIFY, "ioctl", BOTH, BITS(1, IFADDR_BITS, IFADDR_CMDS)),
	OTHER_CMDS_ABOVE_6(SIOCOUTQ),
	OTHER_CMD(SIOCOUTQ, 6),
	OTHER_CMDS_BELOW_6(SIOCOUTQ),
	OTHER_CMDS_ABOVE_6(SIOCOUTQNSD),
	IF(ATTACH_ALLOW, "ioctl", BOTH, BITS(1, 0xfff0, 0x8900)),
	IF(ATTACH_ALLOW, "ioctl", BOTH, BITS(1, 0xffe0, 0x8920)),
	OTHER_CMDS_BELOW_6(SIOCOUTQNSD),

	/* Its operations pass no filter: IORING_OP_SOCKET would make a kernel's socket. */
	{ .call = "io_uring_setup", .action = ATTACH_ERRNO, .error = ENOSYS, .modes = BOTH },
};

const struct attach_rule *attach_rules(size_t *n)
{
	*n = ARRAY_SIZE(rules);
	return rules;
}

static const char *const mode_names[] = {
	[ATTACH_HYBRID] = "hybrid",
	[ATTACH_FULL] = "full",
};
static_assert(ARRAY_SIZE(mode_names) == ATTACH_MODES, "name every mode");

const char *attach_mode_str(enum attach_mode mode)
{
	return mode_names[mode];
}

int attach_mode_parse(const char *text, enum attach_mode *ret)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(mode_names); i++) {
		if (strcmp(text, mode_names[i]) == 0) {
			*ret = (enum attach_mode)i;
			return 0;
		}
	}
	return -EINVAL;
}
