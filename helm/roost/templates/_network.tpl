{{/* Rules of NetworkPolicies: what goes out to DNS and the engines. A Service's address is long resolved when
     a policy is asked, so ports are those of the pods. */}}

{{- define "roost.network.dns" -}}
- to: {{- toYaml .Values.networkPolicy.dns | nindent 4 }}
  ports: [{protocol: UDP, port: 53}, {protocol: TCP, port: 53}]
{{- end }}

{{/* A rule, from (list peers ports); no peers: anywhere. */}}
{{- define "roost.network.to" -}}
- ports:
    {{- range last . }}
    - {protocol: TCP, port: {{ int . }}}
    {{- end }}
  {{- with first . }}
  to: {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* One component's pods as peers, from (list $ "component"). */}}
{{- define "roost.network.pods" -}}
- podSelector:
    matchLabels: {{- include "roost.selector" . | nindent 6 }}
{{- end }}

{{- define "roost.network.redis" -}}
{{- $policy := .Values.networkPolicy.redis -}}
{{- if .Values.redis.builtIn.enabled -}}
{{- include "roost.network.to" (list (include "roost.network.pods" (list . "valkey") | fromYamlArray) (list 6379)) -}}
{{- else -}}
{{- include "roost.network.to" (list $policy.to ($policy.ports | default (include "roost.network.redisPorts" . | fromJsonArray))) -}}
{{- end -}}
{{- end }}

{{/* The ports that the way to Redis names, and the usual ones of what it does not name. */}}
{{- define "roost.network.redisPorts" -}}
{{- $sentinel := eq .Values.redis.mode "sentinel" -}}
{{- $ports := ternary (list 6379) list (or $sentinel (empty .Values.redis.hosts)) -}}
{{- range .Values.redis.hosts -}}
{{- $found := regexFind ":[0-9]+$" . | trimPrefix ":" | default (ternary "26379" "6379" $sentinel) -}}
{{- $ports = append $ports (int $found) -}}
{{- end -}}
{{- if and (empty .Values.redis.hosts) (not .Values.redis.builtIn.enabled) }}{{ $ports = append $ports 26379 }}{{ end -}}
{{- uniq $ports | toJson -}}
{{- end }}

{{- define "roost.network.database" -}}
{{- $policy := .Values.networkPolicy.database -}}
{{- if .Values.database.builtIn.enabled -}}
{{- include "roost.network.to" (list (include "roost.network.pods" (list . "postgresql") | fromYamlArray) (list 5432)) -}}
{{- else -}}
{{- include "roost.network.to" (list $policy.to ($policy.ports | default (list .Values.database.port))) -}}
{{- end -}}
{{- end }}
