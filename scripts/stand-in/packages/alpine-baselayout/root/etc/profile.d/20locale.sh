export CHARSET=UTF-8
export LANG="${LANG:-C.UTF-8}"
