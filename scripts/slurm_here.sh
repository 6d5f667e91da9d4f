#!/usr/bin/env bash
# Slurm on this machine alone, to try hydra/launcher=submitit_slurm before a cluster's time is spent. As root, with
# Debian's slurm-wlm and munge.
#
#   scripts/slurm_here.sh start FOLDER     daemons, logs and state below FOLDER; prints the variables to export:
#   eval "$(scripts/slurm_here.sh start FOLDER)"
#   scripts/slurm_here.sh stop FOLDER
#
# Partitions: `low` (the default), whose jobs are requeued when one of `high` wants their cores; both are all of this
# machine's cores. Signals of --signal are sent at preemption, too, five seconds before the job goes. Accounting would need
# a database; `sacct`, which submitit asks for the state of its jobs, is answered by `scontrol` here.
set -euo pipefail

fail() { echo "scripts/slurm_here.sh: $1" >&2; exit 2; }
[ $# = 2 ] || fail "expected start FOLDER or stop FOLDER, found: $*"
action=$1
mkdir -p "$2" && place=$(cd "$2" && pwd)

stop() {
    local pid
    for daemon in slurmd slurmctld munged; do
        pid=$(cat "$place/$daemon.pid" 2>/dev/null) || continue
        kill "$pid" 2>/dev/null || continue
        for _ in $(seq 50); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
    done
}

start() {
    [ "$(id -u)" = 0 ] || fail "expected to be root, as slurmd has to be, found $(id -un)"
    for tool in slurmctld slurmd munged scontrol; do
        command -v "$tool" >/dev/null || fail "$tool: expected Debian's slurm-wlm and munge, found none"
    done
    stop
    trap 'status=$?; [ $status = 0 ] || stop' EXIT
    local host cores memory
    host=$(hostname -s) cores=$(getconf _NPROCESSORS_ONLN) memory=$(awk '/^MemTotal/{print int($2 / 1024 * 0.9)}' /proc/meminfo)
    mkdir -p "$place"/{state,spool,munge,bin}
    # munge refuses what others than its user could write to, folders above included; --force does not.
    head -c 1024 /dev/urandom >"$place/munge/key"
    chmod 700 "$place/munge"; chmod 400 "$place/munge/key"
    munged --force --key-file="$place/munge/key" --socket="$place/munge/socket" --pid-file="$place/munged.pid" \
        --log-file="$place/munge/log" --seed-file="$place/munge/seed"
    # Ports that are free now: another Slurm may run here.
    read -r control node < <(python3 - <<'PYTHON'
import socket
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
print(*(each.getsockname()[1] for each in held))
PYTHON
)
    cat >"$place/slurm.conf" <<CONF
ClusterName=here
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$control
SlurmdPort=$node
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$place/munge/socket
CredType=cred/munge
StateSaveLocation=$place/state
SlurmdSpoolDir=$place/spool
SlurmctldPidFile=$place/slurmctld.pid
SlurmdPidFile=$place/slurmd.pid
SlurmctldLogFile=$place/slurmctld.log
SlurmdLogFile=$place/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
SwitchType=switch/none
ReturnToService=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
JobRequeue=1
KillWait=5
MinJobAge=600
SchedulerParameters=preempt_send_user_signal,sched_interval=1,batch_sched_delay=0,sched_min_interval=100000
SlurmctldTimeout=30
SlurmdTimeout=30
NodeName=$host NodeAddr=127.0.0.1 CPUs=$cores RealMemory=$memory State=UNKNOWN
PartitionName=low Nodes=$host Default=YES PriorityTier=1 PreemptMode=REQUEUE GraceTime=5 MaxTime=INFINITE State=UP
PartitionName=high Nodes=$host PriorityTier=9 PreemptMode=OFF MaxTime=INFINITE State=UP
CONF
    cat >"$place/bin/sacct" <<'SACCT'
#!/bin/sh
# sacct -o JobID,State,NodeList --parsable2 -j ID [-j ID ...]
echo 'JobID|State|NodeList'
scontrol --oneliner show job | sed -nE \
    -e 's/^JobId=[0-9]+ ArrayJobId=([0-9]+) ArrayTaskId=([0-9]+) .* JobState=([A-Z_]+) .*/\1_\2|\3|/p;t' \
    -e 's/^JobId=([0-9]+) .* JobState=([A-Z_]+) .*/\1|\2|/p'
SACCT
    chmod +x "$place/bin/sacct"
    export SLURM_CONF=$place/slurm.conf
    slurmctld -c
    slurmd
    for _ in $(seq 100); do
        [ "$(sinfo --noheader --partition=low --format=%t 2>/dev/null)" = idle ] && break
        sleep 0.1
    done
    [ "$(sinfo --noheader --partition=low --format=%t 2>/dev/null)" = idle ] ||
        fail "expected an idle node after 10 s, found: $(sinfo 2>&1 | tail -n 1); see $place/slurmctld.log and slurmd.log"
    echo "export SLURM_CONF='$SLURM_CONF' PATH='$place/bin':\"\$PATH\""
}

case $action in
    start) start ;;
    stop) stop ;;
    *) fail "expected start or stop, found $action" ;;
esac
