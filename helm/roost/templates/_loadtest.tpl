{{/* What master and workers of the load test have in common. */}}

{{- define "roost.loadtest.container" -}}
image: {{ include "roost.image" (list .Values.loadtest.image .Chart.AppVersion) | quote }}
imagePullPolicy: {{ .Values.loadtest.image.pullPolicy }}
securityContext: {{- toYaml .Values.securityContext | nindent 2 }}
env:
  - name: LOCUST_HOST
    value: {{ include "roost.loadtest.host" . | quote }}
  - {name: LOADTEST_DOMAIN, value: {{ .Values.domain | quote }}}
  - {name: LOADTEST_RESULTS, value: /results}
  {{- if include "roost.loadtest.caSecret" . }}
  - {name: LOADTEST_CA_FILE, value: /etc/roost/ca/ca.crt}
  {{- end }}
  {{- range $name, $value := .Values.loadtest.settings }}
  - name: LOADTEST_{{ upper $name }}
    value: {{ include "roost.text" $value | quote }}
  {{- end }}
  {{- with .Values.loadtest.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
volumeMounts:
  - {name: tmp, mountPath: /tmp}
  - {name: results, mountPath: /results}
  {{- if include "roost.loadtest.caSecret" . }}
  - {name: ca, mountPath: /etc/roost/ca, readOnly: true}
  {{- end }}
{{- end }}

{{- define "roost.loadtest.volumes" -}}
- {name: tmp, emptyDir: {sizeLimit: 64Mi}}
- {name: results, emptyDir: {sizeLimit: 256Mi}}
{{- with include "roost.loadtest.caSecret" . }}
- name: ca
  secret: {{- . | nindent 4 }}
{{- end }}
{{- end }}

{{/* Where the CA comes from, as a volume's source. */}}
{{- define "roost.loadtest.caSecret" -}}
{{- with .Values.loadtest.caSecret -}}
{{- if .name -}}
secretName: {{ .name }}
items: [{key: {{ .key }}, path: ca.crt}]
{{- else if $.Values.tls.selfSigned -}}
secretName: {{ include "roost.tlsSecret" $ }}
items: [{key: tls.crt, path: ca.crt}]
{{- end -}}
{{- end -}}
{{- end }}

{{/* The address under test. */}}
{{- define "roost.loadtest.host" -}}
{{- if .Values.loadtest.host -}}
{{- .Values.loadtest.host -}}
{{- else -}}
{{- $ports := include "roost.openPorts" (include "roost.role" (list . "connection-manager") | fromYaml) | fromYaml -}}
xmpp://{{ include "roost.partname" (list . "connection-manager") }}:{{ dig "starttls" "port" 5222 $ports | int }}
{{- end -}}
{{- end }}
