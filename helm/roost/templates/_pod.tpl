{{/* What all pods have in common. */}}

{{/* The beginning of a pod's spec, from (list $ security-context). */}}
{{- define "roost.podBasics" -}}
{{- $ := first . -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext: {{- last . | toYaml | nindent 2 }}
{{- with $.Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The beginning of a container of ours. */}}
{{- define "roost.containerBasics" -}}
image: {{ include "roost.image" (list .Values.image .Chart.AppVersion) | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext: {{- toYaml .Values.securityContext | nindent 2 }}
{{- end }}

{{/* Where settings come from. */}}
{{- define "roost.environmentFrom" -}}
- configMapRef: {name: {{ include "roost.partname" (list . "settings") }}}
{{- end }}

{{/* The variables that reach the engines. */}}
{{- define "roost.environment" -}}
{{- $secret := include "roost.partname" (list . "secrets") -}}
{{- include "roost.redis.environment" (list . $secret) }}
{{- include "roost.database.environment" (list . $secret) }}
{{- end }}

{{/* The CAs of the engines, as volumes. */}}
{{- define "roost.caVolumes" -}}
{{- range $name, $secret := dict "redis-ca" .Values.redis.caSecret "database-ca" .Values.database.caSecret }}
{{- if $secret.name }}
- name: {{ $name }}
  secret:
    secretName: {{ $secret.name }}
    items: [{key: {{ $secret.key }}, path: ca.crt}]
{{- end }}
{{- end }}
{{- end }}

{{- define "roost.caMounts" -}}
{{- range $name, $secret := dict "redis-ca" .Values.redis.caSecret "database-ca" .Values.database.caSecret }}
{{- if $secret.name }}
- {name: {{ $name }}, mountPath: /etc/roost/{{ $name }}, readOnly: true}
{{- end }}
{{- end }}
{{- end }}

{{/* --- Migration --- */}}

{{- define "roost.migration.mode" -}}
{{- .Values.migration.mode | default (ternary "init" "hook" .Values.database.builtIn.enabled) -}}
{{- end }}
