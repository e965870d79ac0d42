{{/* The settings as variables: what is not secret in a ConfigMap, the ways to Redis and PostgreSQL in each pod. */}}

{{/* A value as text: numbers come as floating point, and 1048576 must not become 1.048576e+06. */}}
{{- define "roost.text" -}}
{{- if kindIs "float64" . -}}
{{- if eq (floor .) . }}{{ printf "%.0f" . }}{{ else }}{{ printf "%v" . }}{{ end -}}
{{- else if or (kindIs "slice" .) (kindIs "map" .) -}}
{{- toJson . -}}
{{- else -}}
{{- toString . -}}
{{- end -}}
{{- end }}

{{/* Variables of a map of settings, as a map. */}}
{{- define "roost.variables" -}}
{{- range $name, $value := . }}
{{- if not (kindIs "invalid" $value) }}
ROOST_{{ upper $name }}: {{ include "roost.text" $value | quote }}
{{- end }}
{{- end }}
{{- end }}

{{/* What all roles share and is no secret. */}}
{{- define "roost.settings" -}}
ROOST_DOMAIN: {{ .Values.domain | quote }}
ROOST_TLS: {{ .Values.tls.mode }}
ROOST_METRICS_PORT: {{ int .Values.metrics.port | quote }}
{{- include "roost.variables" .Values.settings }}
{{- end }}

{{/* A variable's value out of a Secret, from (list "NAME" "secret" "key"). */}}
{{- define "roost.secretVariable" -}}
- name: {{ index . 0 }}
  valueFrom:
    secretKeyRef: {name: {{ index . 1 }}, key: {{ index . 2 }}}
{{- end }}

{{- define "roost.tlsSecret" -}}
{{- if .Values.tls.existingSecret -}}
{{- .Values.tls.existingSecret -}}
{{- else if or .Values.tls.certManager.enabled .Values.tls.selfSigned -}}
{{- include "roost.partname" (list . "tls") -}}
{{- end -}}
{{- end }}

{{- define "roost.certificateVariables" -}}
- {name: ROOST_CERTIFICATE_FILE, value: /etc/roost/tls/tls.crt}
- {name: ROOST_KEY_FILE, value: /etc/roost/tls/tls.key}
{{- end }}

{{/* --- Redis --- */}}

{{- define "roost.redis.url" -}}
{{- $redis := .Values.redis -}}
{{- if $redis.builtIn.enabled -}}
redis://{{ include "roost.partname" (list . "valkey") }}:6379
{{- else -}}
redis{{ if $redis.tls }}s{{ end }}{{ if ne $redis.mode "standalone" }}+{{ $redis.mode }}{{ end }}://
{{- with $redis.username }}{{ urlquery . | replace "+" "%20" }}@{{ end }}
{{- join "," $redis.hosts }}
{{- if eq $redis.mode "sentinel" }}/{{ $redis.master }}{{ end }}
{{- $parameters := list -}}
{{- if $redis.caSecret.name }}{{ $parameters = append $parameters "ca=/etc/roost/redis-ca/ca.crt" }}{{ end -}}
{{- with $redis.sentinel.username }}{{ $parameters = append $parameters (printf "sentinel_username=%s" (urlquery .)) }}{{ end -}}
{{- with $parameters }}?{{ join "&" . }}{{ end }}
{{- end -}}
{{- end }}

{{/* The variables of Redis, from (list $ "name of the chart's Secret"). */}}
{{- define "roost.redis.environment" -}}
{{- $ := first . -}}
{{- $redis := $.Values.redis -}}
{{- $existing := $redis.existingSecret -}}
{{- if $existing.urlKey }}
{{ include "roost.secretVariable" (list "ROOST_REDIS_URL" $existing.name $existing.urlKey) }}
{{- else if $redis.url }}
{{ include "roost.secretVariable" (list "ROOST_REDIS_URL" (last .) "redis-url") }}
{{- else }}
- name: ROOST_REDIS_URL
  value: {{ include "roost.redis.url" $ | quote }}
{{- if $redis.builtIn.enabled }}
{{ include "roost.secretVariable" (list "ROOST_REDIS_PASSWORD" (include "roost.partname" (list $ "valkey")) "password") }}
{{- else if $existing.passwordKey }}
{{ include "roost.secretVariable" (list "ROOST_REDIS_PASSWORD" $existing.name $existing.passwordKey) }}
{{- else if $redis.password }}
{{ include "roost.secretVariable" (list "ROOST_REDIS_PASSWORD" (last .) "redis-password") }}
{{- end }}
{{- if $existing.sentinelPasswordKey }}
{{ include "roost.secretVariable" (list "ROOST_REDIS_SENTINEL_PASSWORD" $existing.name $existing.sentinelPasswordKey) }}
{{- else if $redis.sentinel.password }}
{{ include "roost.secretVariable" (list "ROOST_REDIS_SENTINEL_PASSWORD" (last .) "redis-sentinel-password") }}
{{- end }}
{{- end }}
{{- end }}

{{/* --- PostgreSQL --- */}}

{{- define "roost.database.sslMode" -}}
{{- .sslMode | default (ternary "verify-full" "" (not (empty .caSecret.name))) -}}
{{- end }}

{{- define "roost.database.url" -}}
{{- $database := .Values.database -}}
{{- if $database.builtIn.enabled -}}
postgresql://roost@{{ include "roost.partname" (list . "postgresql") }}:5432/roost
{{- else -}}
{{- $parameters := list -}}
{{- with include "roost.database.sslMode" $database }}{{ $parameters = append $parameters (printf "sslmode=%s" .) }}{{ end -}}
{{- if $database.caSecret.name }}{{ $parameters = append $parameters "sslrootcert=/etc/roost/database-ca/ca.crt" }}{{ end -}}
postgresql://{{ urlquery $database.user | replace "+" "%20" }}@{{ $database.host }}:{{ int $database.port }}/
{{- urlquery $database.name | replace "+" "%20" }}
{{- with $parameters }}?{{ join "&" . }}{{ end }}
{{- end -}}
{{- end }}

{{/* The variables of PostgreSQL, from (list $ "name of the chart's Secret"). */}}
{{- define "roost.database.environment" -}}
{{- $ := first . -}}
{{- $database := $.Values.database -}}
{{- $existing := $database.existingSecret -}}
{{- if $existing.urlKey }}
{{ include "roost.secretVariable" (list "ROOST_DATABASE_URL" $existing.name $existing.urlKey) }}
{{- else if $database.url }}
{{ include "roost.secretVariable" (list "ROOST_DATABASE_URL" (last .) "database-url") }}
{{- else }}
- name: ROOST_DATABASE_URL
  value: {{ include "roost.database.url" $ | quote }}
{{- if $database.builtIn.enabled }}
{{ include "roost.secretVariable" (list "ROOST_DATABASE_PASSWORD" (include "roost.partname" (list $ "postgresql")) "password") }}
{{- else if $existing.passwordKey }}
{{ include "roost.secretVariable" (list "ROOST_DATABASE_PASSWORD" $existing.name $existing.passwordKey) }}
{{- else if $database.password }}
{{ include "roost.secretVariable" (list "ROOST_DATABASE_PASSWORD" (last .) "database-password") }}
{{- end }}
{{- end }}
{{- end }}

{{/* --- The chart's own Secret --- */}}

{{/* What of PostgreSQL's belongs into it. */}}
{{- define "roost.database.secrets" -}}
{{- $database := .Values.database -}}
{{- if $database.url }}
database-url: {{ $database.url | quote }}
{{- else if and $database.password (not $database.builtIn.enabled) (not $database.existingSecret.passwordKey) }}
database-password: {{ $database.password | quote }}
{{- end }}
{{- end }}

{{- define "roost.secrets" -}}
{{- include "roost.database.secrets" . }}
{{- with .Values.redis -}}
{{- if .url }}
redis-url: {{ .url | quote }}
{{- else if not .builtIn.enabled }}
{{- if and .password (not .existingSecret.passwordKey) }}
redis-password: {{ .password | quote }}
{{- end }}
{{- if and .sentinel.password (not .existingSecret.sentinelPasswordKey) }}
redis-sentinel-password: {{ .sentinel.password | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
