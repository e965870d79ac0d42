{{/* A role as it is: roleDefaults under what `roles` says of it, from (list $ "role"); YAML. */}}
{{- define "roost.role" -}}
{{- $ := first . -}}
{{- $own := index $.Values.roles (last .) | default dict -}}
{{- mustMergeOverwrite (deepCopy $.Values.roleDefaults) (deepCopy $own) | toYaml -}}
{{- end }}

{{/* The names of the roles that run; a JSON list. */}}
{{- define "roost.roles" -}}
{{- $names := list -}}
{{- range $name := keys .Values.roles | sortAlpha -}}
{{- $role := include "roost.role" (list $ $name) | fromYaml -}}
{{- if $role.enabled }}{{ $names = append $names $name }}{{ end -}}
{{- end -}}
{{- toJson $names -}}
{{- end }}

{{/* How many pods there are, from (list $ "role"), if that is still Helm's to say. Kubernetes takes one pod where nobody
     says a number any more; so under an autoscaler that was turned on later Helm goes on to say the present one, until
     the autoscaler has changed it. Who writes by updates (Helm 3) compares with what it said last, and goes on for ever. */}}
{{- define "roost.presentReplicas" -}}
{{- $present := lookup "apps/v1" "Deployment" (first .).Release.Namespace (include "roost.partname" .) -}}
{{- $ours := false -}}
{{- range dig "metadata" "managedFields" list $present -}}
{{- if hasPrefix "helm" .manager -}}
{{- $ours = or $ours (eq .operation "Update") (hasKey (dig "fieldsV1" "f:spec" dict .) "f:replicas") -}}
{{- end -}}
{{- end -}}
{{- if $ours }}{{ $present.spec.replicas }}{{ end -}}
{{- end }}

{{/* The seconds a pod gets to end, from (list $ role): until balancers know, the drain, and what is closed behind it. */}}
{{- define "roost.graceSeconds" -}}
{{- $role := last . -}}
{{- $drain := (mergeOverwrite (deepCopy (first .).Values.settings) $role.settings).drain_seconds | default 0 -}}
{{- add $role.preStopSeconds (ceil $drain) 15 -}}
{{- end }}

{{/* The ports of a role that are open, as (name: {port, containerPort, setting, nodePort}); YAML. */}}
{{- define "roost.openPorts" -}}
{{- $open := dict -}}
{{- range $name, $port := .ports -}}
{{- if and $port $port.port }}{{ $_ := set $open $name $port }}{{ end -}}
{{- end -}}
{{- toYaml $open -}}
{{- end }}

{{/* The variables of one role alone, from (list $ role). */}}
{{- define "roost.roleVariables" -}}
{{- $role := last . -}}
{{- range $name, $port := $role.ports }}
{{- if $port.setting }}
ROOST_{{ upper $port.setting }}: {{ ternary $port.containerPort 0 (not (not $port.port)) | int | quote }}
{{- end }}
{{- end }}
{{- include "roost.variables" $role.settings }}
{{- end }}
