//! Install scripts in the manner of Alpine's servers and tools, emulated and run, held against the real apk.

use crate::support::apk_reference::{Scripts, hold_against_apk, hold_built, with_real_packages};
use crate::support::{Repository, shared_as_root};

/// A package, the folders that are its account's, and its scripts: `.pre-install` and `.post-install`.
struct Service {
    name: &'static str,
    folders: &'static [(&'static str, u32)],
    before: &'static str,
    after: &'static str,
}

/// Every way of making an account and its folders that packages are known to have.
const SERVICES: [Service; 14] = [
    Service {
        name: "nginx",
        folders: &[("var/lib/nginx", 0o750), ("var/lib/nginx/tmp", 0o700)],
        before: "addgroup -S -g 82 www-data 2>/dev/null\naddgroup -S nginx 2>/dev/null\n\
                 adduser -S -D -H -h /var/lib/nginx -s /sbin/nologin -G nginx -g nginx nginx 2>/dev/null\n\
                 addgroup nginx www-data 2>/dev/null\n\nexit 0\n",
        after: "ln -sf /var/lib/nginx/logs /etc/nginx-logs\n",
    },
    Service {
        name: "postgresql",
        folders: &[("var/lib/postgresql", 0o750)],
        before: "groupname=postgres\nhomedir=/var/lib/postgresql\n\naddgroup -g 70 -S \"$groupname\" 2>/dev/null\n\
                 adduser -u 70 -S -D -H -h \"$homedir\" -s /bin/sh -G \"$groupname\" -g 'PostgreSQL user' postgres \\\n\
                 \t2>/dev/null || :\nexit 0\n",
        after: "set -eu\nfor dir in /var/lib/postgresql /var/log/postgresql; do\n\tif [ ! -d \"$dir\" ]; then\n\
                \t\tinstall -d -m 1775 -o postgres -g postgres \"$dir\"\n\tfi\ndone\n\
                # the socket's folder\ninstall -d -o postgres -g postgres -m 1775 /run/postgresql\n",
    },
    Service {
        name: "redis",
        folders: &[("var/lib/redis", 0o700)],
        before: "addgroup -S redis 2>/dev/null\n\
                 adduser -S -H -h /var/lib/redis -s /bin/false -D -G redis -g redis redis 2>/dev/null\n\nexit 0\n",
        after: "chown redis:root /var/lib/redis\nchmod u=rwx,g=rx,o= /var/lib/redis\n",
    },
    Service {
        name: "mosquitto",
        folders: &[],
        before: "if ! getent group mosquitto >/dev/null; then\n\taddgroup -S mosquitto\nfi\n\
                 if ! getent passwd mosquitto >/dev/null; then\n\
                 \tadduser -S -D -H -h /var/empty -s /sbin/nologin -G mosquitto -g mosquitto mosquitto\nfi\n",
        after: "mkdir -p /var/log/mosquitto && chown mosquitto: /var/log/mosquitto\n",
    },
    Service {
        name: "memcached",
        folders: &[],
        before: "adduser -SDH -s /sbin/nologin memcached 2>/dev/null\nexit 0\n",
        after: "",
    },
    Service {
        name: "dnsmasq",
        folders: &[],
        before: "addgroup -S dnsmasq 2>/dev/null\nuser=dnsmasq; group=${user}\n\
                 adduser -S -D -H -h /dev/null -s /sbin/nologin -G ${group} -g ${user} ${user} 2>/dev/null\ntrue\n",
        after: "[ -e /var/lib/misc ] || mkdir -p /var/lib/misc\ntouch /var/lib/misc/dnsmasq.leases\n\
                chown dnsmasq:dnsmasq /var/lib/misc/dnsmasq.leases\n",
    },
    Service {
        name: "openssh-server",
        folders: &[],
        before: "addgroup -S -g 22 sshd 2>/dev/null\n\
                 adduser -S -H -D -h /dev/null -s /sbin/nologin -G sshd -g sshd -u 22 sshd 2>/dev/null\nexit 0\n",
        after: "cat >&2 <<-EOF\n\t*\n\t* Keys are made when it is started first.\n\t*\nEOF\nexit 0\n",
    },
    Service {
        name: "mariadb",
        folders: &[("var/lib/mysql", 0o755)],
        before: "_user=mysql\n_home=/var/lib/$_user\ncase \"$1\" in\n10.*|11.*) addgroup -S $_user 2>/dev/null;;\n\
                 *) exit 1;;\nesac\n\
                 adduser -S -D -H -h $_home -s /sbin/nologin -G $_user -g $_user $_user 2>/dev/null\nexit 0\n",
        after: "install_folders() {\n\tlocal folder\n\tfor folder in \"$@\"; do\n\
                \t\tmkdir -p -m 0755 \"$folder\"\n\t\tchown mysql:mysql \"$folder\"\n\tdone\n}\n\
                install_folders /run/mysqld /var/log/mysql\n[ -L /usr/share/mysql-link ] || ln -s mysql /usr/share/mysql-link\n",
    },
    Service {
        name: "haproxy",
        folders: &[],
        before: "addgroup -S haproxy 2>/dev/null\n\
                 adduser -S -D -H -s /sbin/nologin -h /var/lib/haproxy -G haproxy -g haproxy haproxy 2>/dev/null\n\
                 mkdir -p /var/lib/haproxy/dev\nchown -R haproxy:haproxy /var/lib/haproxy\n",
        after: "chmod 0750 /var/lib/haproxy\nchmod +t,g+s /var/lib/haproxy/dev\n",
    },
    Service {
        name: "dovecot",
        folders: &[],
        before: "for name in dovecot dovenull; do\n\taddgroup -S $name\n\
                 \tadduser -S -D -H -h /dev/null -s /sbin/nologin -G $name -g $name $name\ndone 2>/dev/null\n\
                 addgroup dovecot mail\nexit 0\n",
        after: "id -u dovenull > /var/lib/dovecot-id; id -Gn dovecot >> /var/lib/dovecot-id\n\
                id dovecot >> /var/lib/dovecot-id; id -G root >> /var/lib/dovecot-id; id nobody >> /var/lib/dovecot-id\n\
                grep -q ^dovecot: /etc/passwd && echo known >> /var/lib/dovecot-id\n",
    },
    Service {
        name: "bash",
        folders: &[],
        before: "",
        after: "add-shell '/bin/bash'\nadd-shell /bin/bash /bin/rbash\nexit 0\n",
    },
    Service {
        name: "old-account",
        folders: &[],
        before: "# an account of an earlier version goes\nif id -u legacy >/dev/null 2>&1; then deluser legacy; fi\n\
                 adduser -D -H legacy\n\
                 addgroup -S -g 65 keepers; addgroup root keepers\n",
        after: "command -v rc-update >/dev/null && rc-update add old default\nwhich sh no-such-program > /var/lib/which\n",
    },
    Service {
        name: "mailer",
        folders: &[("var/spool/mailer", 0o2770)],
        before: "addgroup -S -g 25 smmsp 2>/dev/null; addgroup -S -g 103 vmail 2>/dev/null\n\
                 ( umask 027; adduser -S -h /home/vmail -s /sbin/nologin -G vmail vmail ) 2>/dev/null\n\
                 adduser -D -s /bin/sh -g 'Post, Master' postmaster2\nadduser postmaster2 vmail\n",
        after: "cd /var/spool/mailer && umask 077 && mkdir in out && : > in/.keep\nchgrp -R vmail .\nchmod -R g+rwX,o-rwx .\n\
                cp -p in/.keep out/.keep; mv out/.keep out/kept; rmdir in 2>/dev/null || echo full > state\n",
    },
    Service {
        name: "settings",
        folders: &[],
        before: "",
        after: "conf=/etc/settings.conf\nif [ -f \"$conf.dist\" -a ! -f \"$conf\" ]; then cp \"$conf.dist\" \"$conf\"; fi\n\
                [ \"$(cat $conf 2>/dev/null)\" ] || printf 'version=%s\\n' \"${1%-r*}\" > $conf\n\
                while [ ! -e /etc/settings.d/3 ]; do\n\tmkdir -p /etc/settings.d\n\
                \tfor n in 1 2 3; do [ -e /etc/settings.d/$n ] || { : > /etc/settings.d/$n; break; }; done\ndone\n",
    },
];

fn services() -> Repository {
    SERVICES.iter().fold(Repository::new(), |mut repository, service| {
        repository = repository.package(service.name, "11.4.2-r1").depends("busybox alpine-baselayout");
        let script = |text: &str| format!("#!/bin/sh\n\n{text}");
        if !service.before.is_empty() {
            repository = repository.script("pre-install", &script(service.before));
        }
        if !service.after.is_empty() {
            repository = repository.script("post-install", &script(service.after));
        }
        let owner = if service.name == "mariadb" { "mysql" } else { service.name };
        let owner = owner.replace("postgresql", "postgres").replace("mailer", "vmail");
        for (folder, mode) in service.folders {
            repository = repository.directory(folder).owner(folder, &owner, &owner).mode(folder, *mode);
        }
        repository.program(&format!("usr/sbin/{}", service.name), "\x7fELF")
    })
}

#[test]
fn services_are_set_up_as_by_apk() {
    let Some(shared) = shared_as_root("emulation") else { return };
    let repository = with_real_packages(&shared, services());
    let names: Vec<&str> = SERVICES.iter().map(|service| service.name).collect();
    let notes = hold_built(&shared, &repository, &names, "");
    assert!(notes.iter().all(|note| note.outcome.unrun.is_empty()), "{notes:#?}");
    // In another order the numbers are others, and apk's all the same.
    for world in [&["redis", "memcached"][..], &["dovecot", "mailer", "nginx"], &["mosquitto"]] {
        hold_against_apk(&shared, repository.path(), repository.keys_dir(), world, Scripts::Emulated, "");
    }
}

/// What is not understood is told with its line, and all around it is done; run for real, nothing is left out.
#[test]
fn what_is_not_understood_is_told_and_the_rest_done() {
    let Some(shared) = shared_as_root("emulation") else { return };
    let repository = Repository::new()
        .package("tuned", "3.1-r0")
        .depends("busybox alpine-baselayout")
        .file("etc/tuned.conf", "level=1\n")
        .script(
            "post-install",
            "#!/bin/sh\n\naddgroup -S tuned\nsed -i 'y/1/2/' /etc/tuned.conf\n\
             count=$((2 - 1))\necho \"$count\" > /var/lib/count\nmkdir /var/lib/tuned\n\
             if awk 'BEGIN { exit 0 }'; then\n\tmkdir /var/lib/decided\nfi\nexit 0\n",
        );
    let repository = with_real_packages(&shared, repository);
    let (path, keys, world) = (repository.path(), repository.keys_dir(), ["tuned"]);
    let (rootfs, notes) = hold_against_apk(
        &shared,
        path,
        keys,
        &world,
        Scripts::Emulated,
        "only in apk: d0755 0:0 - - var/lib/decided\n\
         only in apk: f0644 0:0 2 e5fa44f2b31c1fb553b6021e7360d07d5d91ff5e var/lib/count\n\
         only in apk: f0644 0:0 8 578174b97d586a2634645bef92e7c918f27cd2b4 etc/tuned.conf\n\
         only here:   f0644 0:0 8 a85445259b4329ca23fd079d70b8551413edef48 etc/tuned.conf\n",
    );
    let told: Vec<(usize, &str)> =
        notes[0].outcome.unrun.iter().map(|unrun| (unrun.line, unrun.text.as_str())).collect();
    assert_eq!(
        told,
        [
            (4, "sed -i 'y/1/2/' /etc/tuned.conf"),
            (5, "count=$((2 - 1))"),
            (6, "echo \"$count\" > /var/lib/count"),
            (8, "if awk 'BEGIN { exit 0 }'; then"),
        ]
    );
    assert!(rootfs.tree.get("var/lib/tuned").is_some() && rootfs.tree.get("var/lib/count").is_none());
    if Scripts::all().contains(&Scripts::Run) {
        let (_, notes) = hold_against_apk(&shared, path, keys, &world, Scripts::Run, "");
        assert_eq!(notes, []);
    }
}
