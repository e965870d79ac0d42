{{/* What the two built-in engines have in common. */}}

{{/* Their images' user is 999. */}}
{{- define "roost.engineSecurity" -}}
runAsNonRoot: true
runAsUser: 999
runAsGroup: 999
fsGroup: 999
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "roost.engineVolume" -}}
{{- with .persistence -}}
{{- if .enabled -}}
volumeClaimTemplates:
  - metadata:
      name: data
    spec:
      accessModes: [ReadWriteOnce]
      {{- with .storageClassName }}
      storageClassName: {{ . }}
      {{- end }}
      resources:
        requests: {storage: {{ .size }}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* Who may come in, from (list $ "engine" port components); nothing goes out. */}}
{{- define "roost.enginePolicy" -}}
{{- $ := first . -}}
{{- $engine := index . 1 -}}
{{- if $.Values.networkPolicy.enabled }}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "roost.partname" (list $ $engine) }}
  labels: {{- include "roost.labels" (list $ $engine) | nindent 4 }}
spec:
  podSelector:
    matchLabels: {{- include "roost.selector" (list $ $engine) | nindent 6 }}
  policyTypes: [Ingress, Egress]
  ingress:
    - from:
        {{- range last . }}
        {{- include "roost.network.pods" (list $ .) | nindent 8 }}
        {{- end }}
      ports: [{protocol: TCP, port: {{ index . 2 }}}]
{{- end }}
{{- end }}
