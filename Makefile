# SPDX-License-Identifier: GPL-2.0-or-later
#
# "make help" lists the targets a person types.  SAN=asan|tsan|cov|fuzz picks a
# variant; each has its own tree below $(O), so they never mix.  V=1 shows the
# commands, WERROR=1 makes warnings errors.

SAN      ?=
O        ?= build
BUILD    := $(O)/$(or $(SAN),release)
CLANG    ?= clang
CC       := $(if $(filter fuzz,$(SAN)),$(CLANG),$(if $(filter default,$(origin CC)),gcc,$(CC)))
DESTDIR  ?=
PREFIX   ?= /usr/local
CNIDIR   ?= /opt/cni/bin
UNITDIR  ?= $(PREFIX)/lib/systemd/system
STRIP    ?= strip
V        ?= 0
Q        := $(if $(filter 1,$(V)),,@)
say       = $(if $(filter 1,$(V)),,@printf '  %-6s %s\n' $(1) $(@:$(O)/%=%))

comma    := ,

CFLAGS   ?= -O2 -g
WARN      = -Wall -Wextra -Wformat=2 -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -Wold-style-definition -Wundef -Wpointer-arith -Wcast-qual -Wwrite-strings -Wvla \
            -Wswitch-enum $(if $(findstring clang,$(CC)),$(WARN_clang),$(WARN_gcc)) \
            $(if $(WERROR),-Werror)
WARN_gcc   := -Wimplicit-fallthrough=5 -Wduplicated-cond -Wduplicated-branches -Wlogical-op -Walloca
WARN_clang := -Wmissing-variable-declarations -Wunreachable-code -Wextra-semi-stmt
SAN_asan := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
SAN_tsan := -O1 -fno-omit-frame-pointer -fsanitize=thread
SAN_fuzz := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined,fuzzer-no-link \
            -fno-sanitize-recover=all
# See tests/cov for what is special.
SAN_cov  := -O0 --coverage -fno-builtin-execve
LD_cov   := -Wl,--wrap=_exit
SAN_     := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE -ffunction-sections -fdata-sections

ALL_CFLAGS  := -std=gnu11 -D_GNU_SOURCE -Ilib -I. $(WARN) $(CFLAGS) $(SAN_$(SAN)) -MMD -MP
ALL_LDFLAGS := $(if $(SAN),$(SAN_$(SAN)) $(LD_$(SAN)),-pie -Wl,-z,relro,-z,now -Wl,--gc-sections) $(LDFLAGS)

# Of lib/follow alone.  libnl's <netlink/...> are not our "netlink/...".
NL_CFLAGS := -isystem /usr/include/libnl3
nl_flags   = $(subst -Ilib -I.,-iquote lib -iquote .,$(ALL_CFLAGS)) $(NL_CFLAGS)

# libxdp and libbpf need libelf and libz.
NIC_LIBS := -luring -lxdp -lbpf -lelf -lz -lnl-route-3 -lnl-3
LIBS     := -Wl,-Bstatic -lnftnl -ljson-c -lmd -lseccomp $(NIC_LIBS) -Wl,-Bdynamic -lmnl

# The programs are static: a plugin is copied to nodes that have no libraries for it, and
# starts faster.  Debian has no static libmnl, so lib/mnl stands in for one that is
# missing.  Sanitizers need shared libraries; tests use the real libmnl.
STATIC   := $(if $(SAN),,y)
MNL_A    := $(or $(filter /%,$(shell $(CC) -print-file-name=libmnl.a 2>/dev/null)),$(BUILD)/libmnl.a)
PROG_LDFLAGS := $(if $(STATIC),-static-pie -Wl$(comma)-z$(comma)relro$(comma)-z$(comma)now \
                -Wl$(comma)--gc-sections $(LDFLAGS),$(ALL_LDFLAGS))
PROG_LIBS    := $(if $(STATIC),-lnftnl -ljson-c -lmd -lseccomp $(NIC_LIBS) $(MNL_A),$(LIBS))

objs      = $(patsubst %.c,$(BUILD)/obj/%.o,$(sort $(shell find $(1) -name '*.c' 2>/dev/null)))
MNL_OBJS    := $(call objs,lib/mnl)
LIB_OBJS    := $(filter-out $(MNL_OBJS),$(call objs,lib))
PLUGIN_OBJS := $(call objs,plugins ipam)
COV_OBJS    := $(if $(filter cov,$(SAN)),$(call objs,tests/cov))
PLUGINS   := $(notdir $(wildcard plugins/* ipam/*))
PROGS     := $(patsubst cmd/%/,%,$(wildcard cmd/*/))
BINS      := $(PROGS:%=$(BUILD)/bin/%)
CNI_LINKS := $(PLUGINS:%=$(BUILD)/cni/%)
UNIT      := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,\
             $(sort $(shell find tests/unit -name '*_test.c' 2>/dev/null)))
FUZZ      := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
BENCH     := $(patsubst tests/bench/%.c,$(BUILD)/bench/%,$(sort $(wildcard tests/bench/*.c)))
BENCH_NET := $(BUILD)/bench/netstack_bench
BENCH_STACK := $(BUILD)/bench/stack_bench
FAULTS    := $(BUILD)/faults/faults $(BUILD)/faults/fairlead-cni
SIM       := $(BUILD)/sim/sim
STACK     := $(BUILD)/stack/peer
ATTACH    := $(BUILD)/attach/sockdiff
HOSTILE   := $(BUILD)/attach/hostile
PACKET    := $(BUILD)/packet/packet
PD_LIBS   := $(BUILD)/packetdrill/netstack_packetdrill.so $(BUILD)/packetdrill/preload.so
FAULTS_OOM := $(BUILD)/obj/tests/faults/oom.o
EXAMPLES  := $(patsubst examples/%.c,$(BUILD)/examples/%,$(sort $(wildcard examples/*.c)))
MAN       := $(patsubst docs/man/%.scd,$(O)/man/%,$(wildcard docs/man/*.scd))

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all deps check demo bench bench-cni bench-core bench-stack bench-attach install uninstall lint format tidy unit asan bats \
        vm fuzz sim packet coverage man clean help install-files unit-build fuzz-build \
        bench-build faults-build sim-build stack-build attach-build packet-build packetdrill packetdrill-build examples

# A file below $(BUILD) that holds a text and is written when the text changes: what
# depends on it is made again after other flags, or after a source was removed.
same = $(and $(findstring x$(1)x,x$(2)x),$(findstring x$(2)x,x$(1)x))
hold = $(if $(and $(wildcard $(1)),$(call same,$(2),$(file <$(1)))),,$(shell mkdir -p $(dir $(1)))$(file >$(1),$(2)))
ifneq ($(filter-out clean help deps check demo man install-files uninstall print-%,$(or $(MAKECMDGOALS),all)),)
$(call hold,$(BUILD)/cc.flags,$(CC) $(ALL_CFLAGS))
$(call hold,$(BUILD)/cnidir,$(CNIDIR))
$(call hold,$(BUILD)/bindir,$(PREFIX)/bin)
$(call hold,$(BUILD)/ld.flags,$(CC) $(ALL_LDFLAGS) $(LIBS) $(PROG_LDFLAGS) $(PROG_LIBS))
$(call hold,$(BUILD)/lib.list,$(LIB_OBJS))
$(call hold,$(BUILD)/plugins.list,$(PLUGIN_OBJS))
endif

all: $(BINS) $(CNI_LINKS) ## build every program
	@:

$(BUILD)/obj/%.o: %.c $(BUILD)/cc.flags
	$(call say,CC)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) -c $< -o $@

$(BUILD)/obj/lib/follow/%.o $(BUILD)/obj/tests/unit/follow/%.o: ALL_CFLAGS := $(nl_flags)

# netns-run looks for plugins where they are installed.
$(BUILD)/obj/cmd/netns-run/cnipath.o: $(BUILD)/cnidir
$(BUILD)/obj/cmd/netns-run/cnipath.o: ALL_CFLAGS += -DFAIRLEAD_CNIDIR='"$(CNIDIR)"'

# The plugin "netstack" looks for netstackd there.
$(BUILD)/obj/plugins/netstack/find.o: $(BUILD)/bindir
$(BUILD)/obj/plugins/netstack/find.o: ALL_CFLAGS += -DFAIRLEAD_BINDIR='"$(PREFIX)/bin"'

$(BUILD)/libfairlead.a: $(LIB_OBJS) $(BUILD)/lib.list
$(BUILD)/libplugins.a: $(PLUGIN_OBJS) $(BUILD)/plugins.list
$(BUILD)/%.a:
	$(call say,AR)
	$(Q)$(RM) $@ && $(AR) rcsD $@ $(filter %.o,$^)

link = $(Q)mkdir -p $(@D) && $(CC) $(ALL_LDFLAGS) $(filter %.o,$^) $(filter %/libplugins.a,$^) \
	$(filter %/libfairlead.a,$^) $(LIBS) $(1) -o $@
link_prog = $(Q)mkdir -p $(@D) && $(CC) $(PROG_LDFLAGS) $(filter %.o,$^) \
	$(filter %/libfairlead.a,$^) $(PROG_LIBS) -o $@

# A directory below cmd/ is a program of that name.
$(foreach p,$(PROGS),$(eval $(BUILD)/bin/$(p): $(call objs,cmd/$(p))))
$(BUILD)/bin/fairlead-cni: $(PLUGIN_OBJS) $(BUILD)/plugins.list
$(BINS) $(UNIT) $(FAULTS): $(COV_OBJS)
$(filter-out %/netstackd,$(BINS)): $(BUILD)/libfairlead.a $(if $(STATIC),$(MNL_A)) $(BUILD)/ld.flags
	$(call say,LD)
	$(link_prog)

# netstackd follows the kernel with libnl, which is not made for static programs.
$(filter %/netstackd,$(BINS)): $(BUILD)/libfairlead.a $(BUILD)/ld.flags
	$(call say,LD)
	$(link)

$(BUILD)/libmnl.a: $(MNL_OBJS)
	$(call say,AR)
	$(Q)$(RM) $@ && $(AR) rcsD $@ $^

# All plugins are one executable that acts on the name it is called by.
$(CNI_LINKS): $(BUILD)/bin/fairlead-cni
	$(Q)mkdir -p $(@D) && ln -f $< $@

# tests/unit/cmd/<program>/ is linked with that program, except for its main();
# tests/unit/plugins/ and tests/unit/ipam/ with all plugins.
$(foreach p,$(PROGS),$(eval $(filter $(BUILD)/unit/cmd/$(p)/%,$(UNIT)): \
	$(filter-out %/main.o,$(call objs,cmd/$(p)))))
$(filter $(BUILD)/unit/plugins/% $(BUILD)/unit/ipam/%,$(UNIT)): $(BUILD)/libplugins.a
$(UNIT): $(BUILD)/unit/%: $(BUILD)/obj/tests/unit/%.o $(BUILD)/libfairlead.a $(BUILD)/ld.flags
	$(call say,LD)
	$(call link,-lcmocka)

# Those of a whole instance share a scene.
$(filter $(BUILD)/fuzz/fuzz_netstack_%,$(FUZZ)): $(call objs,tests/fuzz/netstack)
# Parts of programs.
$(filter $(BUILD)/fuzz/fuzz_agent_%,$(FUZZ)): $(call objs,cmd/fairlead-agent/message.c)
$(filter $(BUILD)/fuzz/fuzz_ctl_%,$(FUZZ)): $(call objs,cmd/netstackd/server.c)
$(FUZZ): $(BUILD)/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(BUILD)/libplugins.a \
		$(BUILD)/libfairlead.a $(BUILD)/ld.flags
	$(call say,LD)
	$(call link,-fsanitize=fuzzer)

# Linked as the programs they are compared with.
$(BENCH): $(BUILD)/bench/%: $(BUILD)/obj/tests/bench/%.o $(BUILD)/libfairlead.a \
		$(if $(STATIC),$(MNL_A)) $(BUILD)/ld.flags
	$(call say,LD)
	$(link_prog)

$(BENCH_NET): $(call objs,tests/bench/netstack) $(BUILD)/libfairlead.a \
		$(if $(STATIC),$(MNL_A)) $(BUILD)/ld.flags
	$(call say,LD)
	$(link_prog)
$(BENCH_STACK): $(call objs,tests/bench/stack) $(BUILD)/libfairlead.a $(BUILD)/ld.flags
	$(call say,LD)
	$(link)

# The fault tests: their driver, and the plugins with an allocator that fails when told to.
$(BUILD)/faults/faults: $(filter-out $(FAULTS_OOM),$(call objs,tests/faults))
$(BUILD)/faults/fairlead-cni: $(call objs,cmd/fairlead-cni) $(PLUGIN_OBJS) $(FAULTS_OOM)
$(FAULTS): $(BUILD)/libfairlead.a $(BUILD)/ld.flags
	$(call say,LD)
	$(link)
$(PLUGINS:%=$(BUILD)/faults/cni/%): $(BUILD)/faults/fairlead-cni
	$(Q)mkdir -p $(@D) && ln -f $< $@

# Programs that show the native API, one file each and what they share.
$(EXAMPLES): $(BUILD)/examples/%: $(BUILD)/obj/examples/%.o $(call objs,examples/lib) \
		$(BUILD)/libfairlead.a $(BUILD)/ld.flags
	$(call say,LD)
	$(link)

# Who talks to the stack in tests, with the kernel's sockets or ours.
$(STACK): $(call objs,tests/stack examples/lib) $(BUILD)/libfairlead.a $(BUILD)/ld.flags
	$(call say,LD)
	$(link)

# What a program sees of its sockets, on the kernel's stack and on ours: plain libc.
HOSTILE_OBJS := $(call objs,tests/attach/hostile)
$(ATTACH): $(filter-out $(HOSTILE_OBJS),$(call objs,tests/attach)) $(BUILD)/ld.flags
$(HOSTILE): $(HOSTILE_OBJS) $(BUILD)/ld.flags
# A sanitizer would end it for the pointers that it gives to the kernel.
$(HOSTILE_OBJS): private ALL_CFLAGS := $(if $(SAN),$(filter-out $(SAN_$(SAN)),$(ALL_CFLAGS)) -O1,$(ALL_CFLAGS))
$(HOSTILE): private ALL_LDFLAGS := $(if $(SAN),$(LDFLAGS),$(ALL_LDFLAGS))
$(ATTACH) $(HOSTILE):
	$(call say,LD)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_LDFLAGS) $(filter %.o,$^) -pthread -o $@

# Simulations of several instances of lib/netstack, and unit tests of their parts.
$(SIM): $(call objs,tests/sim) $(BUILD)/libfairlead.a $(BUILD)/ld.flags
	$(call say,LD)
	$(call link)
$(filter $(BUILD)/unit/sim/%,$(UNIT)): $(filter-out %/main.o,$(call objs,tests/sim))

# Packet scripts: their runner, and unit tests of its parts.
$(PACKET): $(call objs,tests/packet) $(BUILD)/libfairlead.a $(BUILD)/ld.flags
	$(call say,LD)
	$(call link)
$(filter $(BUILD)/unit/packet/%,$(UNIT)): $(filter-out %/main.o,$(call objs,tests/packet))

# The stack as a shared object for packetdrill, of objects that can be in one.
PIC_OBJS := $(patsubst $(BUILD)/obj/%,$(BUILD)/pic/%,$(call objs,lib/wire lib/netstack) \
            $(patsubst %,$(BUILD)/obj/lib/nic/%.o,gso pbuf pbuf_pool) \
            $(patsubst %,$(BUILD)/obj/lib/base/%.o,error fd hash siphash str))
$(BUILD)/pic/%.o: %.c $(BUILD)/cc.flags
	$(call say,CC)
	$(Q)mkdir -p $(@D) && $(CC) $(filter-out -fPIE,$(ALL_CFLAGS)) -fPIC -fvisibility=hidden -c $< -o $@
$(BUILD)/libstack-pic.a: $(PIC_OBJS) $(BUILD)/lib.list
$(BUILD)/packetdrill/netstack_packetdrill.so: $(BUILD)/pic/tests/packetdrill/adapter.o \
		$(BUILD)/pic/tests/packetdrill/calls.o $(BUILD)/pic/tests/packetdrill/sysctl.o \
		$(BUILD)/libstack-pic.a
$(BUILD)/packetdrill/preload.so: $(BUILD)/pic/tests/packetdrill/preload.o
$(PD_LIBS):
	$(call say,LD)
	$(Q)mkdir -p $(@D) && $(CC) -shared $(filter-out -pie,$(ALL_LDFLAGS)) $^ -pthread -ldl -o $@
$(filter $(BUILD)/unit/packetdrill/%,$(UNIT)): | $(PD_LIBS)

unit-build: $(UNIT)
sim-build: $(SIM)
stack-build: $(EXAMPLES) $(STACK)
attach-build: $(ATTACH) $(HOSTILE)
packet-build: $(PACKET)
packetdrill-build: $(PD_LIBS)
faults-build: all $(FAULTS) $(PLUGINS:%=$(BUILD)/faults/cni/%)
fuzz-build: $(FUZZ)
bench-build: all $(BENCH) $(BENCH_NET) $(BENCH_STACK)
print-%: # what the scripts below tests/ ask for: make -s print-UNIT
	@echo '$($*)'

# The runner and its parts build what they run; these variables tell it how.
run = +$(Q)MAKE='$(MAKE)' FAIRLEAD_O='$(O)' tests/run

deps: ## install the Debian packages that are missing
	$(Q)contrib/deps build demo test
check: ## every test: installs, builds, lint, unit, asan, fuzz replay, bats, vm
	$(Q)contrib/deps build demo test
	$(run) all
lint: ## what is checked without running the code
	$(run) lint
unit: ## C unit tests (SAN=asan|tsan|cov for a variant)
	$(run) unit
asan: ## C unit tests with the address and undefined behaviour sanitizers
	$(run) asan
bats: ## end-to-end tests in private namespaces (BATS=FILE... for some)
	$(run) bats
vm: ## what needs another kernel than this machine's, in a QEMU guest
	$(run) vm
fuzz: ## fuzz each parser for FUZZ_SECONDS (60), starting from its corpus
	$(run) fuzz
sim: ## simulate the stack: SEEDS (2000) worlds from seed FROM (1) on; SEED=N replays one
	$(run) sim
packet: ## packet scripts for the stack (SCRIPTS=FILE... for some, SAN=asan)
	$(run) packet
packetdrill: ## scripts below DIR through an installed packetdrill, on our stack
	+$(Q)MAKE='$(MAKE)' FAIRLEAD_O='$(O)' tests/packetdrill/run $(DIR)
coverage: ## line and branch coverage of unit tests and bats in build/cov/index.html
	$(Q)contrib/deps build demo test coverage
	$(run) coverage

demo: ## show the main job: containers, NAT, a published port; installs what is missing
	$(Q)contrib/deps build demo
	+$(Q)$(MAKE) --no-print-directory all
	$(Q)FAIRLEAD_BUILD=$(abspath $(BUILD)) examples/demo

bench: bench-cni bench-core bench-stack bench-attach ## every benchmark
bench-cni: ## our plugins, the kernel's floor and Debian's plugins: JSON lines
	$(Q)contrib/deps build demo test
	+$(Q)$(MAKE) --no-print-directory bench-build >&2
	$(Q)FAIRLEAD_BUILD=$(abspath $(BUILD)) tests/bench/bench-cni
bench-core: ## our stack in memory and the kernel's over loopback: JSON lines
	+$(Q)$(MAKE) --no-print-directory $(BENCH_NET) >&2
	$(Q)$(BENCH_NET) $(or $(ROUNDS),5) $(BENCHES)
bench-stack: ## our stack on real links and the kernel's: JSON lines (ROUNDS, BENCHES)
	$(Q)contrib/deps build demo test
	+$(Q)$(MAKE) --no-print-directory $(BENCH_STACK) examples >&2
	$(Q)FAIRLEAD_BUILD=$(abspath $(BUILD)) ROUNDS=$(or $(ROUNDS),5) tests/bench/bench-stack $(BENCHES)

bench-attach: ## programs on the user stack and on the kernel's: JSON lines (ROUNDS, BENCHES)
	$(Q)contrib/deps build demo test
	+$(Q)$(MAKE) --no-print-directory all >&2
	$(Q)FAIRLEAD_BUILD=$(abspath $(BUILD)) ROUNDS=$(or $(ROUNDS),5) tests/bench/bench-attach $(BENCHES)

format: ## let clang-format rewrite all C files
	$(Q)find lib cmd plugins ipam tests examples -name '*.[ch]' -exec clang-format -i {} +
tidy: ## clang-tidy with its analyzer, for advice (a minute)
	$(run) tidy

examples: $(EXAMPLES) ## programs on the native API of the stack, in build/release/examples
	@:
man: $(MAN) ## build the man pages
$(O)/man/%: docs/man/%.scd
	$(call say,MAN)
	$(Q)mkdir -p $(@D) && scdoc <$< >$@

# "fairlead-cni install" replaces each plugin by rename: a runtime never finds it missing.
bin_dir  := $(DESTDIR)$(PREFIX)/bin
man_dir  := $(DESTDIR)$(PREFIX)/share/man
comp_dir := $(DESTDIR)$(PREFIX)/share/bash-completion/completions
hook_dir := $(DESTDIR)$(PREFIX)/share/fairlead/hooks.d
unit_dir := $(DESTDIR)$(UNITDIR)
cni_dir  := $(DESTDIR)$(CNIDIR)
man_sections := $(sort $(patsubst .%,%,$(suffix $(MAN))))
UNITS    := $(notdir $(wildcard contrib/systemd/*))
# Units and the hook name our programs by their paths.
with_prefix = sed 's,/usr/local/,$(PREFIX)/,g' $(1) >$(2) && chmod 0644 $(2)

install: all man ## install programs, plugins, pages, units (DESTDIR, PREFIX, CNIDIR, UNITDIR)
	+$(Q)$(MAKE) --no-print-directory install-files
install-files: # what has been built
	$(Q)install -d $(bin_dir) $(comp_dir) $(hook_dir) $(unit_dir) $(man_sections:%=$(man_dir)/man%)
	$(Q)install -m 0755 -s --strip-program='$(STRIP)' $(BINS) $(bin_dir)
	$(Q)ln -sf fairlead-runc $(bin_dir)/fairlead-crun
	$(Q)$(bin_dir)/fairlead-cni install $(cni_dir)
	$(Q)for p in $(PROGS); do \
		install -m 0644 contrib/completion/$$p.bash $(comp_dir)/$$p || exit 1; done
	$(Q)for m in $(MAN); do install -m 0644 $$m $(man_dir)/man$${m##*.} || exit 1; done
	$(Q)ln -sf fairlead-runc.8 $(man_dir)/man8/fairlead-crun.8
	$(Q)for u in $(UNITS); do \
		$(call with_prefix,contrib/systemd/$$u,$(unit_dir)/$$u) || exit 1; done
	$(Q)$(call with_prefix,contrib/podman/fairlead.json,$(hook_dir)/fairlead.json)
uninstall: ## remove what install put there
	$(Q)for p in $(PLUGINS); do \
		if cmp -s $(bin_dir)/fairlead-cni $(cni_dir)/$$p; then $(RM) $(cni_dir)/$$p; fi; done
	$(Q)$(RM) $(PROGS:%=$(bin_dir)/%) $(PROGS:%=$(comp_dir)/%) $(UNITS:%=$(unit_dir)/%) \
		$(bin_dir)/fairlead-crun $(man_dir)/man8/fairlead-crun.8 $(hook_dir)/fairlead.json \
		$(foreach m,$(notdir $(MAN)),$(man_dir)/man$(subst .,,$(suffix $(m)))/$(m))
	$(Q)for d in $(hook_dir) $(dir $(hook_dir)); do \
		if [ -d $$d ]; then rmdir --ignore-fail-on-non-empty $$d; fi; done

clean: ## remove the build tree
	$(Q)$(RM) -r $(O)

help: ## this list
	@awk -F':.*## ' '/^[a-z -]+:.*## /{printf "  %-10s %s\n",$$1,$$2}' $(MAKEFILE_LIST)

ifneq ($(wildcard $(BUILD)/obj),)
-include $(shell find $(BUILD)/obj $(BUILD)/pic -name '*.d' 2>/dev/null)
endif
