# shellcheck shell=bash disable=SC2154 # components.sh says what is set here
# wheel: pip 25.3 9655943313a94722b7774661c21049070f6bbb0a1516bf02f7c8d5d9201514cd
# pip's own wheel, installed as its own installer would: the files, and the three programs.
# The same for every Python, so the folder that it is packed into has no version here.
library=$out/usr/lib/python3/site-packages
mkdir -p "$library" "$out/usr/bin"
cp -r pip pip-*.dist-info "$library/"
echo apkbuild-stand-in >"$(echo "$library"/pip-*.dist-info)/INSTALLER"
cat >"$out/usr/bin/pip3" <<'END'
#!/usr/bin/python3
import sys
from pip._internal.cli.main import main
sys.exit(main())
END
chmod 755 "$out/usr/bin/pip3"
ln -s pip3 "$out/usr/bin/pip"
