# SPDX-License-Identifier: GPL-2.0-or-later
#
# "make help" lists the targets a person types.  SAN=asan|tsan|cov|fuzz picks a
# variant; each has its own tree below $(O), so they never mix.  V=1 shows the
# commands.

SAN      ?=
O        ?= build
BUILD    := $(O)/$(or $(SAN),release)
CC       := $(if $(filter fuzz,$(SAN)),clang,$(if $(filter default,$(origin CC)),gcc,$(CC)))
PREFIX   ?= /usr/local
CNIDIR   ?= /opt/cni/bin
V        ?= 0
Q        := $(if $(filter 1,$(V)),,@)
say       = $(if $(filter 1,$(V)),,@printf '  %-6s %s\n' $(1) $(@:$(BUILD)/%=%))

CFLAGS   ?= -O2 -g
WARN     := -Wall -Wextra -Wformat=2 -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -Wold-style-definition -Wundef -Wpointer-arith -Wcast-qual -Wwrite-strings -Wvla \
            -Wswitch-enum $(if $(WERROR),-Werror)
SAN_asan := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
SAN_tsan := -O1 -fno-omit-frame-pointer -fsanitize=thread
SAN_fuzz := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined,fuzzer-no-link
SAN_cov  := -O0 --coverage
SAN_     := -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE -ffunction-sections -fdata-sections

ALL_CFLAGS  := -std=gnu11 -D_GNU_SOURCE -Ilib -I. $(WARN) $(CFLAGS) $(SAN_$(SAN)) -MMD -MP
ALL_LDFLAGS := $(if $(SAN),$(SAN_$(SAN)),-pie -Wl,-z,relro,-z,now -Wl,--gc-sections) $(LDFLAGS)

# libmnl has no static library in Debian; all others are linked in, so that the
# plugins need nothing but libc and libmnl on a node.
LIBS     := -Wl,-Bstatic -lnftnl -ljson-c -lmd -Wl,-Bdynamic -lmnl

objs      = $(patsubst %.c,$(BUILD)/obj/%.o,$(sort $(shell find $(1) -name '*.c' 2>/dev/null)))
LIB_OBJS := $(call objs,lib)
PLUGIN_DIRS := $(wildcard plugins/* ipam/*)
PLUGINS  := $(notdir $(PLUGIN_DIRS))
PROGS    := $(patsubst cmd/%/,%,$(wildcard cmd/*/))
BINS     := $(PROGS:%=$(BUILD)/bin/%)
CNI_LINKS := $(PLUGINS:%=$(BUILD)/cni/%)
UNIT_SRC := $(sort $(shell find tests/unit -name '*_test.c' 2>/dev/null))
UNIT     := $(UNIT_SRC:tests/unit/%.c=$(BUILD)/unit/%)

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all unit clean help

all: $(BINS) $(CNI_LINKS) ## build every program

$(BUILD)/obj/%.o: %.c
	$(call say,CC)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_CFLAGS) -c $< -o $@

$(BUILD)/libfairlead.a: $(LIB_OBJS)
	$(call say,AR)
	$(Q)$(RM) $@ && $(AR) rcsD $@ $^

# A directory below cmd/ is a program of that name.
$(foreach p,$(PROGS),$(eval $(BUILD)/bin/$(p): $(call objs,cmd/$(p))))
$(BUILD)/bin/fairlead-cni: $(call objs,plugins ipam)
$(BINS): $(BUILD)/libfairlead.a
	$(call say,LD)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_LDFLAGS) $(filter %.o,$^) $(filter %.a,$^) $(LIBS) -o $@

# All plugins are one executable that acts on the name it is called by.
$(CNI_LINKS): $(BUILD)/bin/fairlead-cni
	$(Q)mkdir -p $(@D) && ln -f $< $@

$(BUILD)/unit/%: $(BUILD)/obj/tests/unit/%.o $(BUILD)/libfairlead.a
	$(call say,LD)
	$(Q)mkdir -p $(@D) && $(CC) $(ALL_LDFLAGS) $(filter %.o,$^) $(filter %.a,$^) $(LIBS) -lcmocka -o $@

unit: $(UNIT) ## C unit tests
	$(Q)fail=0; for t in $^; do $$t || fail=1; done; exit $$fail

clean: ## remove the build tree
	$(Q)$(RM) -r $(O)

help: ## this list
	@awk -F':.*## ' '/^[a-z ]+:.*## /{printf "  %-10s %s\n",$$1,$$2}' $(MAKEFILE_LIST)

-include $(shell find $(BUILD) -name "*.d" 2>/dev/null)
