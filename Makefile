# bailiff: an active-response firewall agent for mail servers
#
#   make            build the programs and man pages into build/
#   make demo       (root) show the main job: ban, lock, mail, undo
#   make check      all tests; as root also those that need it
#   make unit       unit tests alone: no root, no network
#   make e2e        (root) end to end: real Postfix, Dovecot and nftables
#   make fuzz       fuzz every reader of strange bytes, FUZZ_SECONDS each
#   make bench      measure, beside peers; BENCH=match runs one
#   make lint       clang-tidy, cppcheck and shellcheck, each if it is here
#   make deps       install what the build and the unit tests need (apt)
#   make install    programs, jails, man pages, units; PREFIX=, DESTDIR=
#   make uninstall  take them away again; bans and configuration stay
#   make clean      remove build/ except the test laboratory
#
#   V=1 shows commands, DEV=1 adds -Werror, SAN=address,undefined builds with
#   sanitizers into a folder of its own, LTO= leaves link time optimization
#   out, CC, CFLAGS and LDFLAGS are yours.

PREFIX ?= /usr/local
SYSCONFDIR ?= $(if $(filter /usr /usr/local,$(PREFIX)),/etc,$(PREFIX)/etc)
STATEDIR ?= /var/lib/bailiff
RUNDIR ?= /run/bailiff
DATADIR = $(PREFIX)/share
UNITDIR ?= $(PREFIX)/lib/systemd/system

VERSION := 0.1.0
comma := ,
BUILD := build$(if $(SAN),/san-$(subst $(comma),-,$(SAN)))$(if $(FAULT),/fault)
Q := $(if $(V),,@)

CFLAGS ?= -O2 -g
LDFLAGS ?=
PKGS_bailiffd := libnftnl libmnl yaml-0.1 libsystemd
PKGS_bailiff-engine := libpcre2-8 yaml-0.1 sqlite3 libsystemd libseccomp jansson zlib libzstd libmaxminddb
PKGS_bailiff := jansson yaml-0.1
PKGS := $(sort $(PKGS_bailiffd) $(PKGS_bailiff-engine) $(PKGS_bailiff))

warnings := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -Wpointer-arith -Wwrite-strings -Wformat=2 -Wundef $(if $(DEV),-Werror)
hardening := -fstack-protector-strong -fPIE -fno-plt \
             $(if $(SAN),,-D_FORTIFY_SOURCE=2)
ours := -std=gnu11 -D_GNU_SOURCE -Iinclude -Isrc -MMD -MP $(warnings) $(hardening) \
        -DBAILIFF_VERSION='"$(VERSION)"' -DBAILIFF_SYSCONFDIR='"$(SYSCONFDIR)"' \
        -DBAILIFF_DATADIR='"$(DATADIR)"' -DBAILIFF_STATEDIR='"$(STATEDIR)"' \
        -DBAILIFF_RUNDIR='"$(RUNDIR)"' -DBAILIFF_LIBEXECDIR='"$(PREFIX)/libexec/bailiff"' \
        $(if $(FAULT),-DBAILIFF_FAULT) \
        $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer)
ldours := -pie -Wl,-z,relro,-z,now,--as-needed $(if $(SAN),-fsanitize=$(SAN))

# Folders decide what is linked into which program.
shared              := base config wire
bailiffd_dirs       := $(shared) privileged privileged/firewall privileged/runner
bailiff-engine_dirs := $(shared) engine $(addprefix engine/,read parse match count decide record flow)
bailiff_dirs        := base config ctl
programs            := bailiffd bailiff-engine bailiff
LIBS_bailiffd       := -lev
LIBS_bailiff-engine := -lev -pthread
LIBS_bailiff        :=

pkg = $(shell pkg-config --$1 $2 2>/dev/null)
objs = $(patsubst src/%.c,$(BUILD)/obj/%.o,$(sort $(foreach d,$1,$(wildcard src/$d/*.c))))

PKG_CFLAGS := $(call pkg,cflags,$(PKGS))

# Programs are optimized as a whole where the compiler can; tests link the same
# objects as they are. LTO= switches it off.
LTO ?= $(if $(SAN),,$(shell $(CC) -v 2>&1 | grep -q '^gcc version' && echo -flto=auto -ffat-lto-objects))
lto := $(LTO)

.PHONY: all help deps lab unit jails-test docs-test flow-test check e2e fuzz fuzz-replay bench lint demo install uninstall clean
all: deps-hint $(programs:%=$(BUILD)/%)

help:
	@sed -n 's/^#  \?//p;/^$$/q' Makefile

# ---- compile and link

# Changed flags rebuild: the stamp holds the command line.
stamp := $(BUILD)/flags
flags_now := $(CC) $(CFLAGS) $(LDFLAGS) $(ours) $(lto)
$(shell mkdir -p $(BUILD); printf '%s' "$(subst ",,$(flags_now))" | cmp -s - $(stamp) || \
	printf '%s' "$(subst ",,$(flags_now))" > $(stamp))

$(BUILD)/obj/%.o: src/%.c $(stamp)
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC   $<")
	$(Q)$(CC) $(ours) $(lto) $(PKG_CFLAGS) $(CFLAGS) $(CPPFLAGS) -c -o $@ $<

define program
$(BUILD)/$1: $$(call objs,$$($1_dirs))
	$$(if $$(V),,@echo "  LD   $$@")
	$$(Q)$$(CC) $$(ldours) $$(lto) $$(CFLAGS) $$(LDFLAGS) -o $$@ $$^ $$(call pkg,libs,$$(PKGS_$1)) $$(LIBS_$1)
endef
$(foreach p,$(programs),$(eval $(call program,$p)))

# ---- dependencies

DEPS := build-essential pkg-config libnftnl-dev libmnl-dev libyaml-dev libpcre2-dev libev-dev \
        libsqlite3-dev libsystemd-dev libseccomp-dev libjansson-dev zlib1g-dev libzstd-dev libmaxminddb-dev \
        libcmocka-dev iproute2 nftables python3 systemd-journal-remote

.PHONY: deps-hint
deps-hint:
	@pkg-config --exists $(PKGS) 2>/dev/null || { \
	  echo "Libraries are missing. 'sudo make deps' installs them on Debian:" >&2; \
	  echo "  apt-get install $(DEPS)" >&2; exit 1; }

# Installs and starts nothing else: no service of these packages is enabled.
deps:
	@tests/lab/deps $(DEPS)

# ---- tests

unit_src := $(shell find tests/unit -name '*_test.c' 2>/dev/null | sort)
unit_bin := $(unit_src:tests/%.c=$(BUILD)/%)
lib_objs = $(filter-out $(BUILD)/obj/engine/engine.o $(BUILD)/obj/privileged/monitor.o $(BUILD)/obj/ctl/main.o, \
             $(call objs,$(sort $(foreach p,$(programs),$($p_dirs)))))

$(BUILD)/libtest.a: $(lib_objs)
	$(Q)rm -f $@ && ar qcs $@ $^

$(BUILD)/unit/%: tests/unit/%.c $(BUILD)/libtest.a $(stamp)
	@mkdir -p $(@D)
	$(if $(V),,@echo "  TEST $<")
	$(Q)$(CC) $(ours) -Itests $(PKG_CFLAGS) $(CFLAGS) $(ldours) $(if $(lto),-fno-lto) -o $@ $< $(BUILD)/libtest.a \
	  -lcmocka -lev -pthread $(call pkg,libs,$(PKGS))

unit: $(unit_bin)
	@for t in $(unit_bin); do echo "== $$t"; $$t || exit 1; done

jails-test: $(programs:%=$(BUILD)/%)
	@echo "== shipped jails on their lines"
	@/usr/bin/python3 tests/jails/run.py
	@echo "== fast matching against the plain way, and what bounds it"
	@/usr/bin/python3 tests/jails/bounds.py
	@echo "== shipped jails on accounts known to be honest or stolen"
	@/usr/bin/python3 tests/labelled/score.py --check --days 2

docs-test: $(programs:%=$(BUILD)/%)
	@echo "== manuals against the tables of the code"
	@/usr/bin/python3 tests/docs/check_docs.py

flow-test: $(programs:%=$(BUILD)/%)
	@echo "== top, trace and suggest against plain means"
	@/usr/bin/python3 tests/flow/run.py

# Each fuzz target twice: replayed over its corpus with the compiler at hand
# (make check), and with libFuzzer where clang is (make fuzz).
fuzz_src := $(wildcard tests/fuzz/*_fuzz.c)
fuzz_names := $(fuzz_src:tests/fuzz/%_fuzz.c=%)
FUZZ_SECONDS ?= 60

$(BUILD)/fuzz/replay-%: tests/fuzz/%_fuzz.c tests/fuzz/replay.c $(BUILD)/libtest.a
	@mkdir -p $(@D)
	$(if $(V),,@echo "  FUZZ $<")
	$(Q)$(CC) $(ours) -Itests $(PKG_CFLAGS) $(CFLAGS) $(ldours) $(if $(lto),-fno-lto) -o $@ $< tests/fuzz/replay.c \
	  $(BUILD)/libtest.a -lcmocka -lev -pthread $(call pkg,libs,$(PKGS))

fuzz-replay: $(fuzz_names:%=$(BUILD)/fuzz/replay-%)
	@for n in $(fuzz_names); do echo "== fuzz corpus $$n"; \
	  $(BUILD)/fuzz/replay-$$n tests/fuzz/corpus/$$n || exit 1; done

fuzz:
	@command -v clang >/dev/null || { echo "make fuzz needs clang with its runtime (apt-get install clang libclang-rt-dev)" >&2; exit 1; }
	$(MAKE) SAN=address,undefined CC=clang CFLAGS="-O1 -g -fsanitize=fuzzer-no-link" build/san-address-undefined/libtest.a
	@mkdir -p build/san-address-undefined/fuzz
	@for n in $(fuzz_names); do echo "== fuzz $$n for $(FUZZ_SECONDS) s"; \
	  b=build/san-address-undefined/fuzz/$$n; mkdir -p build/fuzz-corpus/$$n; \
	  clang $(ours) -Itests $(PKG_CFLAGS) -O1 -g -fsanitize=fuzzer,address,undefined -o $$b tests/fuzz/$${n}_fuzz.c \
	    build/san-address-undefined/libtest.a -lcmocka -lev -pthread $(call pkg,libs,$(PKGS)) || exit 1; \
	  $$b -max_total_time=$(FUZZ_SECONDS) -max_len=8192 $$([ -f tests/fuzz/$$n.dict ] && echo -dict=tests/fuzz/$$n.dict) \
	    build/fuzz-corpus/$$n tests/fuzz/corpus/$$n || exit 1; done

# The laboratory: Debian's Postfix, Dovecot and the rest, installed into an
# image under build/lab, never on the host. See tests/lab/README.md.
lab:
	@tests/lab/lab build

E2E ?= $(sort $(wildcard tests/e2e/test_*.py))
e2e: all lab
	$(MAKE) FAULT=1 build/fault/bailiff-engine build/fault/bailiffd build/fault/bailiff
	@# Each file on a machine of its own: what one installs is not there for the next.
	@failed=; for f in $(E2E); do echo "== $$f"; \
	  tests/lab/lab run -- /usr/bin/python3 -m pytest -q $$f $(PYTEST) || failed="$$failed $$f"; done; \
	  [ -z "$$failed" ] || { echo "failed:$$failed" >&2; exit 1; }

demo: deps all lab
	@tests/lab/lab run --name mail -- /usr/bin/python3 tests/lab/demo.py

# As root everything; else what needs no root, and a word on what is left out.
check:
	@if [ "$$(id -u)" = 0 ]; then $(MAKE) --no-print-directory deps; fi
	@$(MAKE) --no-print-directory all
	@$(MAKE) --no-print-directory unit jails-test docs-test flow-test fuzz-replay
	@if [ "$$(id -u)" = 0 ]; then $(MAKE) --no-print-directory e2e; else \
	  echo "not root: the end-to-end tests (make e2e) were left out"; fi

$(BUILD)/bench/%: tests/bench/%.c tests/worst.h $(BUILD)/libtest.a $(stamp)
	@mkdir -p $(@D)
	$(if $(V),,@echo "  BENCH $<")
	$(Q)$(CC) $(ours) -Itests $(PKG_CFLAGS) $(CFLAGS) $(ldours) $(if $(lto),-fno-lto) -o $@ $< $(BUILD)/libtest.a \
	  -lcmocka -lev -pthread $(call pkg,libs,$(PKGS))

bench_src := $(wildcard tests/bench/*.c)
bench: all $(bench_src:tests/bench/%.c=$(BUILD)/bench/%)
	@/usr/bin/python3 tests/bench/bench.py $(BENCH)

# Each tool if it is here; .clang-tidy says which checks and why no others.
# cppcheck knows neither __attribute__((cleanup)) nor the loops that libraries
# make of macros, and follows no pointer into a function: what it has to say of
# these is left out, and leaks are AddressSanitizer's.
lint_src := $(shell find src -name '*.c' 2>/dev/null | sort)
lint_sh := tests/lab/deps .ci/run init/bailiff.sysvinit.in
lint_tidy = xargs -n 1 -P "$$(nproc)" -I{} clang-tidy --quiet {} -- $(filter-out -MMD -MP -D_FORTIFY_SOURCE=2,$(ours)) $(PKG_CFLAGS)
lint_cppcheck = cppcheck --quiet --std=c11 --error-exitcode=1 --inline-suppr --enable=warning,portability \
  --suppress=missingIncludeSystem --suppress=memleak --suppress=unknownMacro --suppress=incorrectLogicOperator \
  --suppress=uninitvar:src/privileged/firewall/own.c -j "$$(nproc)" -Iinclude -Isrc

lint:
	@if command -v clang-tidy >/dev/null; then echo "== clang-tidy"; \
	  printf '%s\n' $(lint_src) | $(lint_tidy) 2>/dev/null || exit 1; \
	  else echo "clang-tidy is not here: left out"; fi
	@if command -v cppcheck >/dev/null; then echo "== cppcheck"; $(lint_cppcheck) src || exit 1; \
	  else echo "cppcheck is not here: left out"; fi
	@if command -v shellcheck >/dev/null; then echo "== shellcheck"; \
	  shellcheck -s sh $(lint_sh) && shellcheck -s bash init/bailiff.bash-completion || exit 1; \
	  else echo "shellcheck is not here: left out"; fi

# ---- install

mans := $(wildcard docs/man/*.[158])
bindir := $(DESTDIR)$(PREFIX)/bin
sbindir := $(DESTDIR)$(PREFIX)/sbin
libexecdir := $(DESTDIR)$(PREFIX)/libexec/bailiff
sharedir := $(DESTDIR)$(DATADIR)/bailiff

install: all
	install -d $(bindir) $(sbindir) $(libexecdir) $(sharedir)/jails $(DESTDIR)$(SYSCONFDIR)/bailiff/jails
	install -m 755 $(BUILD)/bailiff $(bindir)/bailiff
	install -m 755 $(BUILD)/bailiffd $(sbindir)/bailiffd
	install -m 755 $(BUILD)/bailiff-engine $(libexecdir)/bailiff-engine
	install -m 644 jails/*.yaml $(sharedir)/jails/
	for m in $(mans); do s=$${m##*.}; install -d $(DESTDIR)$(DATADIR)/man/man$$s; \
	  install -m 644 $$m $(DESTDIR)$(DATADIR)/man/man$$s/; done
	install -d $(DESTDIR)$(UNITDIR) $(DESTDIR)$(PREFIX)/lib/sysusers.d $(DESTDIR)$(PREFIX)/lib/tmpfiles.d \
	  $(sharedir)/init $(DESTDIR)$(DATADIR)/bash-completion/completions
	sed 's|@PREFIX@|$(PREFIX)|g;s|@SYSCONFDIR@|$(SYSCONFDIR)|g' init/bailiff.service.in > $(DESTDIR)$(UNITDIR)/bailiff.service
	install -m 644 init/sysusers.conf $(DESTDIR)$(PREFIX)/lib/sysusers.d/bailiff.conf
	install -m 644 init/tmpfiles.conf $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/bailiff.conf
	for f in bailiff.openrc bailiff.sysvinit; do \
	  sed 's|@PREFIX@|$(PREFIX)|g;s|@SYSCONFDIR@|$(SYSCONFDIR)|g' init/$$f.in > $(sharedir)/init/$$f; \
	  chmod 755 $(sharedir)/init/$$f; done
	install -m 644 init/bailiff.bash-completion $(DESTDIR)$(DATADIR)/bash-completion/completions/bailiff
	[ -e $(DESTDIR)$(SYSCONFDIR)/bailiff/bailiff.yaml ] || \
	  install -m 644 init/bailiff.yaml $(DESTDIR)$(SYSCONFDIR)/bailiff/bailiff.yaml

uninstall:
	rm -f $(bindir)/bailiff $(sbindir)/bailiffd $(DESTDIR)$(UNITDIR)/bailiff.service \
	  $(DESTDIR)$(PREFIX)/lib/sysusers.d/bailiff.conf $(DESTDIR)$(PREFIX)/lib/tmpfiles.d/bailiff.conf \
	  $(DESTDIR)$(DATADIR)/bash-completion/completions/bailiff
	for m in $(mans); do rm -f $(DESTDIR)$(DATADIR)/man/man$${m##*.}/$${m##*/}; done
	rm -rf $(libexecdir) $(sharedir)
	@echo "configuration in $(SYSCONFDIR)/bailiff and state in $(STATEDIR) stay; 'bailiffd --teardown' before this removes the bans, 'bailiff setup mail --remove --apply' what the mail server asks (which works without it, too)"

clean:
	rm -rf build/obj build/unit build/fuzz build/fuzz-corpus build/fault build/install build/san-* build/bailiff build/bailiffd \
	  build/bailiff-engine build/libtest.a build/flags

-include $(shell find $(BUILD) -name '*.d' -type f 2>/dev/null)
