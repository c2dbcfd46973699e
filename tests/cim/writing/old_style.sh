#!/bin/bash
# Written as scripts for Linux-HA 2.1's provider were: every key but Id is what it likes, quotes are
# lost to the shell, what may fail is deleted first, nobody looks at exit codes.
# Arguments: user, password, host and port.
U=$1; P=$2; WHERE=$3
NS="http://$U:$P@$WHERE/root/cimv2"
K='SystemName=LinuxHACluster,SystemCreationClassName=HA_LinuxHA'
REF="http://localhost/root/cimv2"

drop() { wbemcli -nl di "$NS:$1" 2>/dev/null; }
make() { echo "== create $1"; wbemcli -nl ci "$NS:$1" "$2" 2>&1; }
add() { echo "== call $1 $2"; wbemcli -nl cm "$NS:$1" "$2" 2>&1; }
look() { echo "== get $1"; wbemcli -nl gi "$NS:$1" 2>&1; }

prim() { echo "HA_PrimitiveResource.Id=$1,CreationClassName=HA_PrimitiveResource,$K"; }
group() { echo "HA_ResourceGroup.Id=$1,CreationClassName=HA_ResourceGroup,$K"; }
clone() { echo "HA_ResourceClone.Id=$1,CreationClassName=HA_ResourceClone,$K"; }
master() { echo "HA_MasterSlaveResource.Id=$1,CreationClassName=HA_MasterSlaveResource,$K"; }
SERVICE='HA_ClusteringService.Id=default_service_id'
DUMMY='ResourceClass=ocf,Type=Dummy,Provider=heartbeat'
CON="CreationClassName=HA_X,$K"

# what an earlier run has left
drop "HA_OrderConstraint.Id=old_order,$CON"
drop "HA_ColocationConstraint.Id=old_together,$CON"
drop "HA_LocationConstraint.Id=old_place,$CON"
drop "$(prim old_one)"
drop "$(group old_group)"
drop "$(clone old_clone)"
drop "$(master old_master)"

# one resource, in steps
make "$(prim old_one)" "Id=old_one,$DUMMY,CreationClassName=HA_PrimitiveResource"
make "HA_InstanceAttributes.Id=old_attr,ResourceId=old_one" \
  "Id=old_attr,ResourceId=old_one,Name=fake,Value=first"
make "HA_Operation.Id=old_mon,ResourceId=old_one" \
  "Id=old_mon,ResourceId=old_one,Name=monitor,Interval=20s,Timeout=15s"
echo "-- staged"; look "$(prim old_one)" | tr ',' '\n' | grep -E 'Enabled='
add "$SERVICE" "AddResource.Resource=$REF:HA_PrimitiveResource.Id=old_one"
echo "-- live"; look "$(prim old_one)" | tr ',' '\n' | grep -E 'Enabled='
look "HA_InstanceAttributes.Id=old_attr,ResourceId=old_one"
look "HA_Operation.Id=old_mon,ResourceId=old_one"

# after it is live
make "HA_InstanceAttributes.Id=old_attr_2,ResourceId=old_one" \
  "Id=old_attr_2,ResourceId=old_one,Name=state,Value=/tmp/old_one.state"
make "HA_Operation.Id=old_stop,ResourceId=old_one" \
  "Id=old_stop,ResourceId=old_one,Name=stop,Interval=0,Timeout=25s"
wbemcli -nl mi "$NS:HA_Operation.Id=old_mon,ResourceId=old_one" Timeout=18s 2>&1
wbemcli -nl mi "$NS:HA_InstanceAttributes.Id=old_attr,ResourceId=old_one" Value=second 2>&1

# a group, named as a primitive when it is submitted; another member when it is live
make "$(prim old_sub_1)" "Id=old_sub_1,$DUMMY"
make "$(prim old_sub_2)" "Id=old_sub_2,$DUMMY"
make "$(group old_group)" "Id=old_group"
add "$(group old_group)" "AddPrimitiveResource.Resource=$REF:HA_PrimitiveResource.Id=old_sub_1"
add "$SERVICE" "AddResource.Resource=$REF:HA_PrimitiveResource.Id=old_group"
add "$(group old_group)" "AddPrimitiveResource.Resource=$REF:HA_PrimitiveResource.Id=old_sub_2"

# a clone and one with roles
make "$(prim old_part)" "Id=old_part,$DUMMY"
make "$(clone old_clone)" "Id=old_clone,CloneMax=2,CloneNodeMax=1"
add "$(clone old_clone)" "AddResource.Resource=$REF:HA_PrimitiveResource.Id=old_part"
add "$SERVICE" "AddResource.Resource=$REF:HA_ResourceClone.Id=old_clone"
make "$(prim old_store)" "Id=old_store,ResourceClass=ocf,Type=Stateful,Provider=pacemaker"
make "$(master old_master)" "Id=old_master,CloneMax=2,CloneNodeMax=1,MaxMasters=1,MaxNodeMasters=1"
add "$(master old_master)" "AddResource.Resource=$REF:HA_PrimitiveResource.Id=old_store"
add "$SERVICE" "AddResource.Resource=$REF:HA_MasterSlaveResource.Id=old_master"

# constraints act at once; a location has no rule at first
make "HA_OrderConstraint.Id=old_order,$CON" "Id=old_order,From=old_one,To=old_group,OrderType=after"
make "HA_ColocationConstraint.Id=old_together,$CON" \
  "Id=old_together,From=old_one,To=old_group,Score=INFINITY"
make "HA_LocationConstraint.Id=old_place,$CON" "Id=old_place,Resource=old_group,Score=100"
echo "-- without rule"; look "HA_LocationConstraint.Id=old_place,$CON"
make "HA_LocationConstraintRule.Id=old_rule,ConstraintId=old_place" \
  "Id=old_rule,ConstraintId=old_place,Attribute=#uname,Operation=eq,Value=n1"
look "HA_LocationConstraintRule.Id=old_rule,ConstraintId=old_place"
echo "== done"
