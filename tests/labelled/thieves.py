# SPDX-License-Identifier: GPL-2.0-or-later
"""Those who have somebody's password, and those who would like to."""
from people import DAY, DOMAIN, HOUR, People


class Thieves(People):
    def owner(self, kind, office=None):
        """An account with a life of its own, until then."""
        since = self.later()
        account = self.account(kind, thief=True, since=since)
        return self.office_user(account, office), since

    def spam(self, account, at, ip, sender, many=1):
        if ip not in self.offices:
            self.labels[ip] = {"kind": "a thief's address", "guesser": True}
        self.server.submit(at, account, ip, sender, self.strangers(many), size=self.rng.randrange(2000, 9000),
                           bad=0.2, spam=0.12, later=0.1)

    def forged(self):
        return f"{self.rng.choice(['info', 'service', 'support', 'billing'])}{self.rng.randrange(999)}@{self.rng.choice(self.domains)}"

    def fast_forged(self):
        """Five a second from one address, each from somebody else."""
        account, at = self.owner("fast, forged senders")
        ip = self.address("41")
        for k in range(1500):
            self.spam(account, at + k / 5, ip, self.forged())

    def fast_own(self):
        """The owner's address as the sender, fifty recipients each."""
        account, at = self.owner("fast, the owner's sender, 50 recipients each")
        ip = self.address("95")
        for k in range(120):
            self.spam(account, at + k * 2, ip, account, 50)

    def fast_ours(self):
        """As the boss, from an address abroad."""
        account, at = self.owner("fast, another of our own senders")
        ip = self.address("103")
        for k in range(450):
            self.spam(account, at + k, ip, f"boss@{DOMAIN}")

    def at_home(self):
        """The owner's own computer sends it, with his sender: nothing is new but the number."""
        account, at = self.owner("fast, from the owner's computer", self.offices[3])
        for k in range(800):
            self.spam(account, at + k * 0.6, self.offices[3], account)

    def botnet(self):
        account, at = self.owner("botnet, one message each")
        for k in range(300):
            self.spam(account, at + k * 20, self.address(self.rng.choice(["41", "95", "103", "177"])), self.forged())

    def slow_botnet(self):
        account, at = self.owner("botnet, one message in five minutes")
        for k in range(60):
            self.spam(account, at + k * 290, self.address(self.rng.choice(["41", "95", "103", "177"])), self.forged(), 10)

    def two_countries(self):
        account, at = self.owner("two countries at once")
        ips = [self.address("41"), self.address("95")]
        for k in range(12):
            self.server.login(at + k * 300, account, ips[0])
            self.server.login(at + k * 300 + 20, account, ips[1])
            self.spam(account, at + k * 300 + 40, ips[k % 2], account, 2)

    def drip(self):
        """Twenty an hour, ten recipients each, for a working day; one forged sender."""
        account, at = self.owner("drip, forged sender")
        ip, sender = self.address("185"), self.forged()
        for k in range(160):
            self.spam(account, at + k * 180, ip, sender, 10)

    def drip_own(self):
        account, at = self.owner("drip, the owner's sender")
        ip = self.address("185")
        for k in range(160):
            self.spam(account, at + k * 180, ip, account, 10)

    def below(self):
        """Just below the count: 150 in ten minutes, for an hour."""
        account, at = self.owner("150 in ten minutes")
        ip = self.address("177")
        for k in range(900):
            self.spam(account, at + k * 4, ip, account)

    def patient(self):
        """Four messages an hour, one recipient each, from one address."""
        account, at = self.owner("patient, four an hour")
        ip = self.address("31")
        for k in range(40):
            self.spam(account, at + k * 900, ip, account)

    def letters(self):
        """One false invoice to each of a few partners: no number tells it."""
        account, at = self.owner("a few well-chosen letters")
        ip = self.address("185")
        for k in range(6):
            self.server.submit(at + k * 600, account, ip, account, self.friends(1))

    def reader(self):
        """Only reads, from one place abroad."""
        account, at = self.owner("reads only")
        ip = self.address("41")
        for k in range(40):
            self.server.login(at + k * 600, account, ip)

    # ---- guessers

    def brute(self):
        ip, at = self.address("103"), self.later()
        for k in range(40):
            self.server.fail_smtp(at + k * 15, f"u{self.rng.randrange(1, 5)}@{DOMAIN}", ip)
        self.labels[ip] = {"kind": "guesses fast", "guesser": True}

    def spray(self):
        ip, at = self.address("95"), self.later()
        for k in range(30):
            self.server.fail_smtp(at + k * 400, f"u{k + 1}@{DOMAIN}", ip)
        self.labels[ip] = {"kind": "sprays slowly", "guesser": True}

    def distributed(self):
        at = self.later()
        for k in range(60):
            ip = self.address(self.rng.choice(["41", "103", "177"]))
            self.server.fail_smtp(at + k * 100, f"u3@{DOMAIN}", ip)
            self.server.fail_smtp(at + k * 100 + 3000, f"u3@{DOMAIN}", ip)
            self.labels[ip] = {"kind": "one of many on one account", "guesser": True}
