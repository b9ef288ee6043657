/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "netlink/deferred_close.h"

#include <dirent.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#include "tests/unit/netns_fixture.h"

/* Bounded waiting for the kernel's worker: 10 s of looks 1 ms apart. */
#define LOOKS_MAX 10000

static unsigned n_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	(void)closedir(dir);
	return n;
}

/* The netlink socket with that port is in the namespace's list. */
static bool is_listed(uint32_t port)
{
	static char line[256];
	FILE *f = fopen("/proc/self/net/netlink", "re");
	bool found = false;

	assert_non_null(f);
	while (!found && fgets(line, sizeof(line), f)) {
		unsigned protocol;
		unsigned pid;

		found = sscanf(line, "%*s %u %u", &protocol, &pid) == 2 &&
			protocol == NETLINK_NETFILTER && pid == port;
	}
	(void)fclose(f);
	return found;
}

static uint32_t port_of(const struct nlsock *nl)
{
	struct sockaddr_nl name = { .nl_family = AF_NETLINK };
	socklen_t len = sizeof(name);

	assert_return_code(bind(nlsock_fd(nl), (struct sockaddr *)&name, len), errno);
	assert_return_code(getsockname(nlsock_fd(nl), (struct sockaddr *)&name, &len), errno);
	assert_int_not_equal(name.nl_pid, 0);
	return name.nl_pid;
}

/* Close as a plugin does; the socket has gone for good, and nothing else has
 * stayed.
 */
static void close_and_look(void)
{
	unsigned before = n_fds();
	struct nlsock *nl;
	struct nerr err;
	uint32_t port;
	unsigned looks;

	assert_ok(nlsock_open(&nl, NETLINK_NETFILTER, &err), err);
	port = port_of(nl);
	assert_true(is_listed(port));
	nlsock_close_deferred(nl);
	assert_int_equal(n_fds(), before);
	for (looks = 0; looks < LOOKS_MAX && is_listed(port); looks++)
		(void)poll(NULL, 0, 1);
	assert_true(looks < LOOKS_MAX);
}

/* Until the calling process ends, @call fails with EPERM. */
static void forbid(int call)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { .len = sizeof(code) / sizeof(code[0]), .filter = code };

	assert_return_code(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), errno);
	assert_return_code(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog), errno);
}

/* close_and_look() in a process for which the calls up to the -1 are forbidden.
 */
static void close_without(const int *calls)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		for (; *calls >= 0; calls++)
			forbid(*calls);
		close_and_look();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_socket_goes_and_leaves_nothing(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 50; i++)
		close_and_look();
}

static void without_io_uring_it_goes_too(void **state)
{
	static const int no_ring[] = { SYS_io_uring_setup, -1 };
	static const int no_register[] = { SYS_io_uring_register, -1 };

	(void)state;
	close_without(no_ring);
	close_without(no_register);
}

static void without_all_of_it_it_goes_too(void **state)
{
	static const int no_pair[] = { SYS_io_uring_setup, SYS_socketpair, -1 };
	static const int no_send[] = { SYS_io_uring_setup, SYS_sendmsg, -1 };

	(void)state;
	close_without(no_pair);
	close_without(no_send);
}

static void a_process_that_exits_right_away_leaves_nothing(void **state)
{
	unsigned looks = 0;
	uint32_t ports[20];

	(void)state;
	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		int fds[2];
		pid_t pid;

		assert_return_code(pipe(fds), errno);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			struct nlsock *nl;
			struct nerr err;
			uint32_t port;

			assert_ok(nlsock_open(&nl, NETLINK_NETFILTER, &err), err);
			port = port_of(nl);
			if (write(fds[1], &port, sizeof(port)) != sizeof(port))
				_exit(1);
			nlsock_close_deferred(nl);
			_exit(0);
		}
		assert_int_equal(read(fds[0], &ports[i], sizeof(ports[i])), sizeof(ports[i]));
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		(void)close(fds[0]);
		(void)close(fds[1]);
	}
	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
		for (; looks < LOOKS_MAX && is_listed(ports[i]); looks++)
			(void)poll(NULL, 0, 1);
	assert_true(looks < LOOKS_MAX);
}

static void null_is_nothing_to_close(void **state)
{
	(void)state;
	nlsock_close_deferred(NULL);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, netns_setup, netns_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_socket_goes_and_leaves_nothing),
		T(without_io_uring_it_goes_too),
		T(without_all_of_it_it_goes_too),
		T(a_process_that_exits_right_away_leaves_nothing),
		T(null_is_nothing_to_close),
	};

	return cmocka_run_group_tests_name("netlink/deferred_close", tests, mounts_private, NULL);
}
