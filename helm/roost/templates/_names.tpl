{{/* Names and labels. Every object's name begins with the release's, so that two releases share a namespace. */}}

{{- define "roost.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{- define "roost.fullname" -}}
{{- $name := include "roost.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{/* The name of one part, from (list $ "part"): the release's, cut so that the part's still fits into 63 characters. */}}
{{- define "roost.partname" -}}
{{- $part := last . -}}
{{- $room := sub 62 (len $part) | int -}}
{{- printf "%s-%s" (include "roost.fullname" (first .) | trunc $room | trimSuffix "-") $part -}}
{{- end }}

{{/* What a selector looks for, from (list $ "component"). */}}
{{- define "roost.selector" -}}
app.kubernetes.io/name: {{ include "roost.name" (first .) }}
app.kubernetes.io/instance: {{ (first .).Release.Name }}
app.kubernetes.io/component: {{ last . }}
{{- end }}

{{/* All labels of one component's objects, from (list $ "component"). */}}
{{- define "roost.labels" -}}
{{- $ := first . -}}
{{ include "roost.selector" . }}
app.kubernetes.io/part-of: roost
app.kubernetes.io/version: {{ $.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $.Chart.Name $.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with $.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The labels of a component's pods, from (list $ "component"): without versions, so that a new chart alone
     does not replace pods. */}}
{{- define "roost.podLabels" -}}
{{ include "roost.selector" . }}
app.kubernetes.io/part-of: roost
{{- with (first .).Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "roost.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "roost.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end }}

{{/* An image's reference, from (list image "default tag"). */}}
{{- define "roost.image" -}}
{{- $image := first . -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository (default (last .) $image.tag) -}}
{{- end -}}
{{- end }}
