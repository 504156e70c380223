{% args place, height %}
<p>Tide at {{place}}: {{height}} m</p>
